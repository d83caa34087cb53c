"""JSON objects as rows: nested names become "a.b", booleans 0 and 1, null and NaN missing, strings text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, isnan, nan

from edge.sources.json_text import NO_OBJECT, TOO_DEEP, TWICE, decoded, repeats
from edge.sources.parsed import MAX_NUMBERS, Outcome, Parsed, Unread
from edge.sources.times import nanoseconds
from wire.names import BAD_NAME, is_name

MAX_DEPTH = 32
_KEY = re.compile(rb'"[ \t\r\n]*:')


_Leaf = float | str | bool | None


class JsonFields:
    """Reads one JSON object as one row.

    `fields` maps channels to dotted paths, and the row then has exactly these channels, absent ones missing; empty:
    every number in the object is a channel. `time_field` is a dotted path, too; an object without it claims no time.
    """

    starts_are_certain = True  # the tail of a torn object does not parse as an object

    def __init__(self, *, fields: Mapping[str, str] | None = None, time_field: str = "") -> None:
        self._fields = dict(fields or {})
        self._paths = frozenset(self._fields.values())
        self._time_field = time_field

    def parse(self, line: bytes) -> Outcome:
        """Read one object."""
        found = decoded(line)
        if isinstance(found, Unread):
            return found
        if not isinstance(found, dict):
            return Unread(reason=NO_OBJECT)
        leaves = _leaves(found)
        if isinstance(leaves, Unread):
            return leaves
        # Without lists a flat object that repeats no key has as many keys as leaves; only others are looked at twice.
        if (b"[" in line or len(_KEY.findall(line)) != len(leaves)) and repeats(line):
            return TWICE
        return self._row(leaves)

    def _row(self, leaves: dict[str, _Leaf]) -> Outcome:
        claim = leaves.pop(self._time_field, None)
        claimed = nanoseconds(claim)
        if claimed is None and claim is not None and claim == claim:  # noqa: PLR0124  NaN is no claim
            return Unread(reason=f"{self._time_field}: not a time")
        texts = tuple(
            (name, leaf) for name, leaf in leaves.items() if isinstance(leaf, str) and name not in self._paths
        )
        fields = self._fields or {name: name for name, leaf in leaves.items() if not isinstance(leaf, str)}
        if not fields or not leaves.keys() & fields.values():
            return Unread(reason="JSON object without any of its fields" if fields else "JSON object without a number")
        values = []
        for path in fields.values():
            value = _value(leaves.get(path))
            if value is None:
                return Unread(reason=f"{path}: not a finite number")
            values.append(value)
        return Parsed(channels=tuple(fields), values=tuple(values), claimed_ns=claimed, texts=texts)


def _value(leaf: _Leaf) -> float | None:
    if leaf is None:
        return nan
    if isinstance(leaf, str):
        return None
    try:
        value = float(leaf)
    except OverflowError:
        return None
    return value if isfinite(value) or isnan(value) else None


def _leaves(node: Mapping[object, object]) -> dict[str, _Leaf] | Unread:
    leaves: dict[str, _Leaf] = {}
    for name, leaf in _walk("", node, 0):
        if isinstance(leaf, Unread):
            return leaf
        if name in leaves:
            return TWICE
        if not is_name(name):
            return Unread(reason=BAD_NAME)
        if len(leaves) == MAX_NUMBERS:
            return Unread(reason=f"more than {MAX_NUMBERS} values")
        leaves[name] = leaf
    return leaves


def _walk(name: str, node: object, depth: int) -> Iterator[tuple[str, _Leaf | Unread]]:
    if depth > MAX_DEPTH:
        yield name, TOO_DEEP
    elif isinstance(node, Mapping):
        for key, inner in node.items():
            yield from _walk(f"{name}.{key}" if depth else str(key), inner, depth + 1)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for index, inner in enumerate(node):
            yield from _walk(f"{name}.{index}", inner, depth + 1)
    else:
        assert node is None or isinstance(node, int | float | str)
        yield name, node
