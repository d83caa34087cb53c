"""What the events of a batch mean: gaps, doubted clocks, sources that fail, input that no source could read."""

import msgspec

from stream.alarms.panel import WHOLE, Notice
from stream.alarms.phrase import moment
from stream.devices.attendant import Attendant
from stream.devices.claims import attend
from stream.draft import Draft, Occasion
from wire.messages import ClockDoubted, DeadLetter, Event, Gap, Refused, SourceState


def happen(event: Event, at: Occasion, draft: Draft, at_work: dict[str, Attendant]) -> None:
    """Take one event; run events and texts are stored by others and mean nothing here."""
    if isinstance(event, Refused):
        at.out.append(
            DeadLetter(
                origin=at.origin,
                source=event.source,
                reason=event.reason,
                body=event.body,
                count=event.count,
                size=event.size,
                t_ns=event.t_ns or draft.edge(at.edge).clock_ns,
                device=event.device,
            )
        )
    elif isinstance(event, SourceState):
        draft.edge(at.edge).source(event, draft.panel(at))
    elif isinstance(event, Gap):
        rows = f"{event.rows} rows" if event.rows >= 0 else "an unknown number of rows"
        facts = {"rows": rows, "start": moment(event.from_ns), "end": moment(event.to_ns), "reason": event.reason}
        _ring(Notice("gap", "gap", event.from_ns, facts), event.device, at, draft, at_work)
    elif isinstance(event, ClockDoubted):
        notice = Notice("clock", "clock", event.t_ns, {"claimed": moment(event.claimed_ns)})
        _ring(notice, event.device, at, draft, at_work)


def _ring(
    notice: Notice,
    device: str,
    at: Occasion,
    draft: Draft,
    at_work: dict[str, Attendant],
) -> None:
    """Ring at the device where it is known, else at the edge."""
    if device != WHOLE and device not in at_work and (at.edge, device) in draft.devices:
        at_work[device] = attend(device, at, draft)
    attendant = at_work.get(device)
    if attendant is not None:
        attendant.panel.raise_(notice, attendant.clock_ns)
        attendant.event(notice.rule)
        return
    record = draft.edge(at.edge)
    if device != WHOLE:
        notice = msgspec.structs.replace(notice, facts={**notice.facts, "device": device})
    draft.panel(at).raise_(notice, record.clock_ns)
    record.event(notice.rule)
