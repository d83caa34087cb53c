"""On which line of a TOML text a key stands, as far as can be told; TOML's own reader forgets it."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import reduce

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_ENTRY = re.compile(r"\s*((?:[A-Za-z0-9_.\- ]|\"[^\"]*\"|'[^']*')+?)\s*=")
_PART = re.compile(r"\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_-]+)")
_LONGEST = 50  # lines of one value; what is longer is only known by where it begins


def lines_of(text: str) -> Mapping[str, int]:
    r"""Key path -> line, counted from 1; keys inside inline tables are not among them.

    >>> dict(lines_of('site = "a"\n[[devices]]\nmatch = "b"\n'))
    {'site': 1, 'devices[0]': 2, 'devices[0].match': 3}
    """
    found: dict[str, int] = {}
    lists: Counter[str] = Counter()
    table = ""
    for number, line in _statements(text.splitlines()):
        if header := _HEADER.fullmatch(line):
            table = _table(_parts(header[2]), lists, is_list=header[1] == "[[")
            found.setdefault(table, number)
        elif entry := _ENTRY.match(line):
            found.setdefault(reduce(under, _parts(entry[1]), table), number)
    return found


def line_of(key: str, lines: Mapping[str, int]) -> int:
    """The line of a key or of the nearest table around it; 0 if there is none.

    >>> line_of("devices[0].match", {"devices[0]": 4})
    4
    """
    return next((lines[path] for path in around(key) if path in lines), 0)


def around(key: str) -> Iterator[str]:
    """A key and the tables and lists around it, from the inside out.

    >>> list(around("devices[0].match"))
    ['devices[0].match', 'devices[0]', 'devices']
    """
    while key:
        yield key
        key = key[: max(key.rfind("."), key.rfind("["), 0)]


def under(table: str, key: str) -> str:
    """The path of a key in a table; a key that is no bare word is quoted.

    >>> under("devices[0].channels", "flow.1")
    'devices[0].channels."flow.1"'
    """
    part = key if re.fullmatch(r"[\w\-]+", key) else f'"{key}"'
    return f"{table}.{part}" if table else part


def _parts(written: str) -> list[str]:
    return ["".join(groups) for groups in _PART.findall(written)]


def _table(parts: list[str], lists: Counter[str], *, is_list: bool) -> str:
    path = ""
    for depth, part in enumerate(parts):
        path = under(path, part)
        if is_list and depth == len(parts) - 1:
            lists[path] += 1
        if lists[path]:  # a header below a list of tables means its newest member
            path = f"{path}[{lists[path] - 1}]"
    return path


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    at = 0
    while at < len(lines):
        yield at + 1, lines[at]
        at += _length(lines[at : at + _LONGEST])


def _length(lines: list[str]) -> int:
    if not _ENTRY.match(lines[0]):
        return 1
    for count in range(1, len(lines) + 1):
        try:
            tomllib.loads("\n".join(lines[:count]))
        except (ValueError, RecursionError):
            continue
        return count
    return 1
