"""Lines of separated values, with a header line, with configured channels, or with both."""

import csv
import re
from collections.abc import Sequence

from edge.sources.columns import Columns, columns
from edge.sources.numbers import are_names
from edge.sources.parsed import MAX_NUMBERS, NOT_TEXT, Header, Outcome, Unread
from wire.names import MAX_NAME

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


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
        if channels and set(channels) <= {time_field}:
            msg = f"channels: name at least one besides the time field {time_field}"
            raise ValueError(msg)
        self._separator = separator
        self._configured = tuple(channels)
        self._time_field = time_field
        names = self._configured
        if names and time_field and time_field not in names:
            names = (time_field, *names)
        self._plan = columns(names, channels=self._configured, time_field=time_field) if names else None
        self._next: Columns | None = None  # a header that no row has confirmed yet

    def parse(self, line: bytes) -> Outcome:
        """Read one line."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return Unread(reason=NOT_TEXT)
        if _CONTROL.search(text):
            return Unread(reason=NOT_TEXT)
        return self._row_or_header(text, split(text, self._separator))

    def _row_or_header(self, text: str, cells: list[str]) -> Outcome:
        if len(cells) > 1 and not cells[-1].strip() and not self._fits(len(cells)):
            cells = cells[:-1]  # many devices end a line with a separator
        if are_names(cells) and (header := self._header(text, cells)) is not None:
            return header
        return self._row(cells)

    def _fits(self, width: int) -> bool:
        return any(plan is not None and len(plan.names) == width for plan in (self._plan, self._next))

    def _header(self, text: str, cells: list[str]) -> Outcome | None:
        names = tuple(cell.strip(" \t") for cell in cells)
        if (unfit := self._unfit(names)) is not None:
            return Unread(reason=unfit)
        if self._configured:
            return self._configured_header(text, names)
        old = self._plan
        if old is not None and len(names) == len(old.names) and not set(names) & set(old.names):
            return None
        self._next = columns(names, time_field=self._time_field) if old is None or names != old.names else None
        return Header(text=text)

    def _unfit(self, names: tuple[str, ...]) -> str | None:
        if len(set(names)) != len(names):
            return "header names a column twice"
        if len(names) > MAX_NUMBERS or max(map(len, names)) > MAX_NAME:
            return f"header has more than {MAX_NUMBERS} columns or a name over {MAX_NAME} characters"
        if set(names) <= {self._time_field}:
            return "header names no channel"
        if self._time_field and self._time_field not in names and not self._configured:
            return f"header has no time field {self._time_field}"
        return None

    def _configured_header(self, text: str, names: tuple[str, ...]) -> Outcome | None:
        if set(self._configured) - {self._time_field} <= set(names):
            self._next = columns(names, channels=self._configured, time_field=self._time_field)
            return Header(text=text)
        if self._plan is not None and 1 < len(names) == len(self._plan.names):
            return Header(text=text)  # the configured names replace the device's own
        return None

    def _row(self, cells: list[str]) -> Outcome:
        if self._next is not None:
            if len(cells) == len(self._next.names):
                self._plan = self._next
            self._next = None if self._plan is not None else self._next
        plan = self._plan
        if plan is None:
            if self._next is None:
                return Unread(reason="no CSV header seen yet: restart the device, or name its channels in the config")
            return Unread(reason=f"wrong number of fields: {len(cells)}, the header has {len(self._next.names)}")
        return plan.row(cells)


def split(text: str, separator: str) -> list[str]:
    """The cells of a line; quotes protect separators, and a space separates however often it stands."""
    if '"' in text and len(separator) == 1:
        try:
            return next(csv.reader([text], delimiter=separator), [])
        except csv.Error:
            return [text]
    return text.split() if separator == " " else text.split(separator)
