"""Events of one group, like ones told as one with a count, so that a noisy line cannot fill the disk."""

import msgspec

from wire.messages import ClockDoubted, Event, Redelivered, Refused, SourceState, Text

BODY_BYTES = 4096
REASONS = 100  # distinct refusals kept apart in one group
OTHER = "other reasons"


class Tally:
    """Collects the events of a group; a time that a source left at 0 becomes the time of arrival."""

    def __init__(self) -> None:
        self._refused: dict[tuple[str, str, str], Refused] = {}
        self._doubted: dict[str, ClockDoubted] = {}
        self._redelivered: dict[str, int] = {}
        self._others: list[Event] = []

    def add(self, event: Event, *, at_ns: int) -> None:
        """Take in what came at `at_ns`."""
        match event:
            case Refused():
                self._refuse(event, at_ns)
            case ClockDoubted():
                self.doubt(event.device, t_ns=event.t_ns, claimed_ns=event.claimed_ns, rows=event.rows)
            case Redelivered():
                self.redeliver(event.source, event.rows)
            case SourceState() | Text() if event.t_ns == 0:
                self._others.append(msgspec.structs.replace(event, t_ns=at_ns))
            case _:
                self._others.append(event)

    def doubt(self, device: str, *, t_ns: int, claimed_ns: int, rows: int = 1) -> None:
        """Rows of a device claimed a time that cannot be; they carry `t_ns` and what follows."""
        known = self._doubted.get(device)
        if known is None:
            # A claim may be any number that a device can write; the message holds 64 bits.
            kept = min(max(claimed_ns, -(2**63)), 2**63 - 1)
            self._doubted[device] = ClockDoubted(device=device, t_ns=t_ns, claimed_ns=kept, rows=rows)
        else:
            self._doubted[device] = msgspec.structs.replace(known, rows=known.rows + rows)

    def redeliver(self, source: str, rows: int) -> None:
        """Rows came again that are kept already."""
        self._redelivered[source] = self._redelivered.get(source, 0) + rows

    def events(self) -> tuple[Event, ...]:
        """What became of it: losses and states in their order, then what was counted together."""
        return (
            *self._others,
            *self._refused.values(),
            *self._doubted.values(),
            *(Redelivered(source=source, rows=rows) for source, rows in self._redelivered.items()),
        )

    def _refuse(self, event: Refused, at_ns: int) -> None:
        key = (event.source, event.reason, event.device)
        if key not in self._refused and len(self._refused) >= REASONS:
            key = (event.source, OTHER, "")
        known = self._refused.get(key)
        if known is not None:
            self._refused[key] = msgspec.structs.replace(known, count=known.count + event.count)
            return
        self._refused[key] = msgspec.structs.replace(
            event,
            reason=key[1],
            device=key[2],
            body=event.body[:BODY_BYTES],
            size=event.size or len(event.body),
            t_ns=event.t_ns or at_ns,
        )
