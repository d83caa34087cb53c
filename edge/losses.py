"""What is lost when records give way, counted per device as gaps; knows nothing of files."""

from array import array
from collections.abc import Iterable

from wire.envelope import Rejected, unpack_input
from wire.messages import Batch, Event, Gap

LIMIT = 1000  # distinct gaps kept apart; more are told as one

_Key = tuple[str, str, str, bool]


class Losses:
    """Gaps by device, source and reason, each stretched over all that it lost. At most LIMIT are kept apart."""

    def __init__(self) -> None:
        self._gaps: dict[_Key, Gap] = {}

    def add(self, gap: Gap) -> None:
        """Count one gap in; those of unknown size stay apart from counted ones."""
        key = (gap.device, gap.source, gap.reason, gap.rows < 0)
        known = self._gaps.get(key)
        if known is None and len(self._gaps) >= LIMIT:
            gap = Gap(device="*", from_ns=gap.from_ns, to_ns=gap.to_ns, rows=gap.rows, reason="several losses")
            key = (gap.device, gap.source, gap.reason, gap.rows < 0)
            known = self._gaps.get(key)
        self._gaps[key] = gap if known is None else _joined(known, gap)

    def add_record(self, body: bytes, *, rows: int, clock_ns: int, reason: str) -> None:
        """Count in a whole record; gaps that it carried are carried on, its other events are counted."""
        batch = unpack_input(body)
        if isinstance(batch, Rejected) or not isinstance(batch, Batch):
            self.add(Gap(device="*", from_ns=clock_ns, to_ns=clock_ns, rows=rows, reason=f"{reason}, unreadable"))
            return
        for frame in batch.frames:
            times = array("q", frame.t_ns)
            if times:
                gap = Gap(device=frame.device, from_ns=times[0], to_ns=times[-1], rows=len(times), reason=reason)
                self.add(gap)
        self._add_events(batch.events, clock_ns=clock_ns, reason=reason)

    def take(self) -> tuple[Gap, ...]:
        """All gaps, which from here on are the caller's."""
        gaps = tuple(self._gaps.values())
        self._gaps = {}
        return gaps

    def _add_events(self, events: Iterable[Event], *, clock_ns: int, reason: str) -> None:
        for event in events:
            if isinstance(event, Gap):
                self.add(event)
            else:
                name = str(event.__struct_config__.tag)
                self.add(Gap(device="*", from_ns=clock_ns, to_ns=clock_ns, rows=0, reason=f"{reason}: {name} events"))


def _joined(one: Gap, other: Gap) -> Gap:
    return Gap(
        device=one.device,
        from_ns=min(one.from_ns, other.from_ns),
        to_ns=max(one.to_ns, other.to_ns),
        rows=-1 if one.rows < 0 else one.rows + other.rows,
        reason=one.reason,
        source=one.source,
    )
