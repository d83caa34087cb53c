"""Refused input told without flooding: the first of a reason at once, its like once a second."""

from collections.abc import Iterator

from edge.sources.lines import HEAD_BYTES
from wire.messages import Refused

EVERY_S = 1.0
MAX_REASONS = 100
_OTHER = "refused for yet another reason, more than 100 within a second"


class _Held:
    """Refusals of one reason since it was last told."""

    def __init__(self, told_s: float) -> None:
        self.told_s = told_s
        self.count = 0
        self.body = b""
        self.size = 0
        self.place = ""


class Refusals:
    """Counts refused input by reason; holds the first body of each, at most `MAX_REASONS` of them."""

    def __init__(self, *, source: str, device: str = "") -> None:
        self._source = source
        self._device = device
        self._held: dict[str, _Held] = {}

    def add(self, reason: str, body: bytes, *, now_s: float, size: int = 0, place: str = "") -> list[Refused]:
        """Count one refused input, and say it at once if its reason was not heard for a second.

        `place` ("line 17") is said of the first of those that are told together.
        """
        if reason not in self._held and len(self._held) >= MAX_REASONS:
            reason = _OTHER
        size = size or len(body)
        held = self._held.get(reason)
        if held is None or (not held.count and now_s - held.told_s >= EVERY_S):
            self._held[reason] = _Held(now_s)
            return [self._refused(place + reason, body[:HEAD_BYTES], 1, size)]
        if not held.count:
            held.body, held.size, held.place = body[:HEAD_BYTES], size, place
        held.count += 1
        return []

    def due(self, *, now_s: float) -> list[Refused]:
        """What was held for a second; reasons that fell silent are forgotten."""
        return list(self._take([reason for reason, held in self._held.items() if now_s - held.told_s >= EVERY_S]))

    def rest(self) -> list[Refused]:
        """All that is held, at the end of a source."""
        return list(self._take(list(self._held)))

    def _take(self, reasons: list[str]) -> Iterator[Refused]:
        for reason in reasons:
            held = self._held.pop(reason)
            if held.count:
                yield self._refused(held.place + reason, held.body, held.count, held.size)

    def _refused(self, reason: str, body: bytes, count: int, size: int) -> Refused:
        return Refused(source=self._source, reason=reason, body=body, count=count, size=size, device=self._device)
