"""What a line or a payload turns out to be: numbers, a header, or unread with a reason."""

from typing import Protocol

import msgspec

from wire.messages import RunEvent

MAX_NUMBERS = 1024  # of one row; more is a file that lost its way, not a device
NOT_TEXT = "not text: wrong baud rate or line noise?"


class Parsed(msgspec.Struct, frozen=True):
    """One row's numbers (NaN = missing), the time it claims, and what it said in words."""

    channels: tuple[str, ...]
    values: tuple[float, ...]
    claimed_ns: int | None = None
    texts: tuple[tuple[str, str], ...] = ()


class Header(msgspec.Struct, frozen=True):
    """The line names columns; `text` is what it said."""

    text: str


class Unread(msgspec.Struct, frozen=True):
    """Why this is no row; names the place, never the value, so that equal faults have equal reasons."""

    reason: str


class Told(msgspec.Struct, frozen=True):
    """Events of a test bench; `unread` are measurements beside them that could not be read."""

    events: tuple[RunEvent, ...]
    unread: tuple[Unread, ...] = ()


Outcome = Parsed | Header | Unread | Told


class Parser(Protocol):
    """Reads lines of one format."""

    starts_are_certain: bool  # a line that parses cannot be the torn tail of a longer one

    def parse(self, line: bytes) -> Outcome:
        """Read one line without its end; never raises, whatever the bytes."""
