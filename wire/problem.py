"""What is wrong with a config, one thing at a time: where it stands, what was found, what would be right."""

from collections.abc import Sequence

import msgspec


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a config; checks may leave `file` and `line` to the loader.

    >>> str(Problem(file="tocsin.toml", key="edge.sources[2].baud", what='expected int, got "96oo"'))
    'tocsin.toml: edge.sources[2].baud: expected int, got "96oo"'
    """

    key: str  # "edge.sources[2].baud", counted from 0; empty: the file as a whole
    what: str  # what was found and what would be right
    file: str = ""
    line: int = 0  # counted from 1; 0: not known

    def __str__(self) -> str:
        """One line for a terminal or a log."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.what) if part)


class SettingsError(Exception):
    """The config cannot be used; carries every problem at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Join the problems, one a line."""
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def shown(value: object) -> str:  # noqa: PLR0911 -- one return a kind
    """A value of the file as it is shown back: short, strings in double quotes.

    >>> shown("96oo"), shown(True), shown(3.5), shown({"a": 1}), shown([1])
    ('"96oo"', 'true', '3.5', 'a table', 'a list')
    """
    match value:
        case str():
            return f'"{_cut(value)}"'
        case bool():
            return str(value).lower()
        case int() if abs(value) >= 10**30:
            return "a very large number"
        case int() | float():
            return str(value)
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return f"the date or time {value}"


def _cut(text: str, limit: int = 60) -> str:
    readable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:limit])
    return readable + "…" * (len(text) > limit)
