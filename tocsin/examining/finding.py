"""One thing that `tocsin doctor` looked at."""

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: how it is, and what to do if it is bad."""

    what: str
    bad: bool
    detail: str

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return {"what": self.what, "ok": not self.bad, "detail": self.detail}

    def __str__(self) -> str:
        """One line for a terminal."""
        return f"{'BAD ' if self.bad else 'ok  '} {self.what}: {self.detail}"


def good(what: str, detail: str) -> Finding:
    """It is as it should be."""
    return Finding(what, bad=False, detail=detail)


def bad(what: str, detail: str) -> Finding:
    """It is not, and what to do."""
    return Finding(what, bad=True, detail=detail)
