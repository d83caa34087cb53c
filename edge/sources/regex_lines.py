"""Lines read by a regular expression whose named groups are the channels."""

import re
from collections.abc import Sequence
from math import nan

from edge.sources.numbers import number
from edge.sources.parsed import NOT_TEXT, Outcome, Parsed, Unread
from edge.sources.times import nanoseconds


class RegexLines:
    """Reads lines that match `pattern` from end to end; a group that took no part is missing.

    The group "time" (or `time_field`) holds the time. `channels` picks groups; empty: all of them, in order.
    """

    starts_are_certain = False  # a pattern may well match the tail of a torn line

    def __init__(self, *, pattern: str, channels: Sequence[str] = (), time_field: str = "") -> None:
        try:
            self._pattern = re.compile(pattern)
        except re.error as error:
            msg = f"pattern: {error}"
            raise ValueError(msg) from error
        groups = self._pattern.groupindex
        self._time = time_field or "time"
        self._channels = tuple(name for name in (channels or groups) if name != self._time)
        if absent := [name for name in self._channels if name not in groups]:
            msg = f"pattern: no named group for {', '.join(absent)}"
            raise ValueError(msg)
        if not self._channels:
            msg = "pattern: needs named groups, as in (?P<temperature>[-.0-9]+)"
            raise ValueError(msg)

    def parse(self, line: bytes) -> Outcome:
        """Read one line."""
        try:
            match = self._pattern.fullmatch(line.decode().strip(" \t"))
        except UnicodeDecodeError:
            return Unread(reason=NOT_TEXT)
        if match is None:
            return Unread(reason="the pattern does not match the line")
        return self._row(match.groupdict())

    def _row(self, groups: dict[str, str | None]) -> Outcome:
        values = []
        for name in self._channels:
            text = groups[name]
            value = nan if text is None else number(text)
            if value is None:
                return Unread(reason=f"group {name}: not a finite number")
            values.append(value)
        claim = groups.get(self._time)
        claimed = None if claim is None else nanoseconds(claim)
        if claim is not None and claimed is None:
            return Unread(reason=f"group {self._time}: not a time")
        return Parsed(channels=self._channels, values=tuple(values), claimed_ns=claimed)
