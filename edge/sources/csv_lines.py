"""Lines of separated values, with a header line, with configured channels, or with both."""

import csv
import re
from collections.abc import Sequence

import msgspec

from edge.sources.numbers import are_names, number, numbers
from edge.sources.parsed import MAX_NAME, MAX_NUMBERS, NOT_TEXT, Header, Outcome, Parsed, Unread
from edge.sources.times import nanoseconds

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class _Plan(msgspec.Struct, frozen=True):
    """Which column holds what."""

    names: tuple[str, ...]  # of all columns
    channels: tuple[str, ...]
    picks: tuple[int, ...]  # column of each channel
    time_at: int | None

    @property
    def straight(self) -> bool:
        """Whether every column is a channel, in order."""
        return self.picks == tuple(range(len(self.names)))


def _plan(names: tuple[str, ...], channels: Sequence[str], time_field: str) -> _Plan:
    kept = tuple(name for name in (channels or names) if name != time_field)
    return _Plan(
        names=names,
        channels=kept,
        picks=tuple(names.index(name) for name in kept),
        time_at=names.index(time_field) if time_field in names else None,
    )


class CsvLines:
    """Reads separated values; the header may come again at any time, as after a device's reboot.

    Configured `channels` name the columns in order (with `time_field` first unless it is among them); a header that
    holds all of them picks columns by name instead. Without `channels` the names come from the header: the last line
    of names before a row. In mid-stream another header counts only if its width differs or it shares a name, so that
    a device's "ERROR" between two rows renames nothing.
    """

    starts_are_certain = False  # "3.2,5" may be the tail of "13.2,5"

    def __init__(self, *, separator: str = ",", channels: Sequence[str] = (), time_field: str = "") -> None:
        if not separator:
            msg = "separator: must not be empty"
            raise ValueError(msg)
        if len(set(channels)) != len(channels):
            msg = f"channels: each name once, got {', '.join(channels)}"
            raise ValueError(msg)
        self._separator = separator
        self._configured = tuple(channels)
        self._time_field = time_field
        columns = self._configured
        if columns and time_field and time_field not in columns:
            columns = (time_field, *columns)
        self._plan = _plan(columns, self._configured, time_field) if columns else None
        self._straight = self._plan is not None and self._plan.straight
        self._next: _Plan | None = None  # a header that no row has confirmed yet

    def parse(self, line: bytes) -> Outcome:
        """Read one line."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return Unread(reason=NOT_TEXT)
        if _CONTROL.search(text):
            return Unread(reason=NOT_TEXT)
        return self._row_or_header(text, self._cells(text))

    def parse_cells(self, cells: list[str]) -> Outcome:
        """Read one line that is already split."""
        return self._row_or_header(self._separator.join(cells), cells)

    def _cells(self, text: str) -> list[str]:
        if '"' in text and len(self._separator) == 1:
            try:
                return next(csv.reader([text], delimiter=self._separator), [])
            except csv.Error:
                return [text]
        return text.split() if self._separator == " " else text.split(self._separator)

    def _row_or_header(self, text: str, cells: list[str]) -> Outcome:
        if len(cells) > 1 and not cells[-1].strip() and not self._fits(len(cells)):
            cells = cells[:-1]  # many devices end a line with a separator
        if self._straight and self._next is None and self._plan and len(cells) == len(self._plan.names):
            values = numbers(text, cells)
            if values is not None:
                return Parsed(channels=self._plan.channels, values=values)
        if are_names(cells) and (header := self._header(text, cells)) is not None:
            return header
        return self._row(cells)

    def _fits(self, width: int) -> bool:
        return any(plan is not None and len(plan.names) == width for plan in (self._plan, self._next))

    def _header(self, text: str, cells: list[str]) -> Outcome | None:
        names = tuple(cell.strip(" \t") for cell in cells)
        if len(set(names)) != len(names):
            return Unread(reason="header names a column twice")
        if len(names) > MAX_NUMBERS or max(map(len, names)) > MAX_NAME:
            return Unread(reason=f"header has more than {MAX_NUMBERS} columns or a name over {MAX_NAME} characters")
        if set(names) <= {self._time_field}:
            return Unread(reason="header names no channel")
        old = self._plan
        if self._configured:
            return self._configured_header(text, names)
        if old is not None and len(names) == len(old.names) and not set(names) & set(old.names):
            return None
        self._next = _plan(names, (), self._time_field) if old is None or names != old.names else None
        return Header(text=text)

    def _configured_header(self, text: str, names: tuple[str, ...]) -> Outcome | None:
        if set(self._configured) - {self._time_field} <= set(names):
            self._next = _plan(names, self._configured, self._time_field)
            return Header(text=text)
        if self._plan is not None and 1 < len(names) == len(self._plan.names):
            return Header(text=text)  # the configured names replace the device's own
        return None

    def _row(self, cells: list[str]) -> Outcome:
        if self._next is not None:
            if len(cells) == len(self._next.names):
                self._plan, self._straight = self._next, self._next.straight
            self._next = None if self._plan is not None else self._next
        plan = self._plan
        if plan is None:
            if self._next is None:
                return Unread(reason="no CSV header seen yet: restart the device, or name its channels in the config")
            return Unread(reason=f"wrong number of fields: {len(cells)}, the header has {len(self._next.names)}")
        if len(cells) != len(plan.names):
            return Unread(reason=f"wrong number of fields: {len(cells)} instead of {len(plan.names)}")
        return _values(plan, cells)


def _values(plan: _Plan, cells: list[str]) -> Outcome:
    values = []
    for name, at in zip(plan.channels, plan.picks, strict=True):
        value = number(cells[at])
        if value is None:
            return Unread(reason=f"field {at + 1} ({name}): not a finite number")
        values.append(value)
    claimed = None
    if plan.time_at is not None:
        claimed = nanoseconds(cells[plan.time_at])
        if claimed is None:
            return Unread(reason=f"field {plan.time_at + 1} ({plan.names[plan.time_at]}): not a time")
    return Parsed(channels=plan.channels, values=tuple(values), claimed_ns=claimed)
