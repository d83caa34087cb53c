"""When a recorded row is due, and which time it then claims; reads no clock."""

from wire.messages import NS_PER_S


class Pace:
    """The pace of one playing, told rows in the order of the file; a second round goes on after the first."""

    def __init__(self, *, speed: float, moved_to_ns: int | None, begun_s: float) -> None:
        self._speed = speed
        self._moved_to_ns = moved_to_ns
        self._begun_s = begun_s
        self._first_ns: int | None = None
        self._last_ns = 0
        self._step_ns = NS_PER_S  # between the last two rows
        self._shift_ns = 0

    def place(self, recorded_ns: int) -> tuple[float, int]:
        """When to put the row on the monotonic clock, and the time it claims."""
        at_ns = recorded_ns + self._shift_ns
        if self._first_ns is None:
            self._first_ns = self._last_ns = recorded_ns
        if at_ns > self._last_ns:
            self._step_ns, self._last_ns = at_ns - self._last_ns, at_ns
        since_ns = at_ns - self._first_ns
        due_s = self._begun_s + since_ns / NS_PER_S / self._speed if self._speed else self._begun_s
        return due_s, at_ns if self._moved_to_ns is None else self._moved_to_ns + since_ns

    def again(self) -> None:
        """The next row is the file's first, one step after its last."""
        if self._first_ns is not None:
            self._shift_ns = self._last_ns + self._step_ns - self._first_ns
