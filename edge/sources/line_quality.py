"""How much of a line can be read; says so once when it is bad and once when it is good again."""

WINDOW_S = 5.0
MIN_LINES = 20
BAD_SHARE = 0.5
GOOD_SHARE = 0.1


class LineQuality:
    """Shares of refused lines over windows of five seconds."""

    def __init__(self) -> None:
        self.bad = False
        self._since_s: float | None = None
        self._lines = 0
        self._refused = 0

    def count(self, *, lines: int, refused: int, now_s: float) -> str | None:
        """Count lines; a sentence when the judgement changes, "" for good again, None while it stands."""
        self._since_s = now_s if self._since_s is None else self._since_s
        self._lines += lines
        self._refused += refused
        if now_s - self._since_s < WINDOW_S or self._lines < MIN_LINES:
            return None
        share = self._refused / self._lines
        self._since_s, self._lines, self._refused = now_s, 0, 0
        if not self.bad and share >= BAD_SHARE:
            self.bad = True
            return f"{share:.0%} of the last lines could not be read: check baud rate, format and wiring"
        if self.bad and share <= GOOD_SHARE:
            self.bad = False
            return ""
        return None
