"""Cutting a byte stream into lines; knows nothing of ports."""

import msgspec

HEAD_BYTES = 4096  # what is kept of a line that is too long


class Overlong(msgspec.Struct, frozen=True):
    """A line longer than allowed: its first bytes, and how many there were."""

    head: bytes
    size: int


class LineCutter:
    """Ends lines at LF, CRLF or CR and leaves empty ones out; holds at most `max_line_bytes` of an unfinished line."""

    def __init__(self, *, max_line_bytes: int) -> None:
        if max_line_bytes < 1:
            msg = f"max_line_bytes must be at least 1, got {max_line_bytes}"
            raise ValueError(msg)
        self._limit = max_line_bytes
        self._parts: list[bytes] = []  # an unfinished line; joined once, or a slow long line would cost n squared
        self._held = 0
        self._lost = 0  # bytes so far of an unfinished line that is too long

    @property
    def overlong(self) -> bool:
        """Whether the unfinished line is too long already."""
        return self._lost > 0

    def feed(self, data: bytes) -> list[bytes | Overlong]:
        """The lines that end in `data`, in order."""
        *ended, rest = data.replace(b"\r", b"\n").split(b"\n")
        lines = [line for part in ended if (line := self._end(part)) is not None]
        self._keep(rest)
        return lines

    def rest(self) -> bytes | Overlong | None:
        """Take what came after the last line end, None if nothing did."""
        return self._end(b"")

    def _end(self, part: bytes) -> bytes | Overlong | None:
        if self._held + len(part) > self._limit:
            self._keep(part)
        if self._lost:
            line: bytes | Overlong = Overlong(head=b"".join(self._parts), size=self._lost)
        else:
            line = b"".join((*self._parts, part)) if self._parts else part
        self._parts, self._held, self._lost = [], 0, 0
        return line or None

    def _keep(self, part: bytes) -> None:
        if self._lost:
            self._lost += len(part)
            return
        if not part:
            return
        self._parts.append(part)
        self._held += len(part)
        if self._held > self._limit:
            self._lost = self._held
            self._parts = [b"".join(self._parts)[: min(HEAD_BYTES, self._limit)]]
