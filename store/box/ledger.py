"""What is known of devices, edges and sources, brought up to date by each micro-batch; knows no database."""

from collections.abc import Iterable, Mapping

import msgspec

from store.port import Accounts, Commit
from wire.messages import Batch, DeadLetter, Frame, Gap, Liveness, Redelivered, SourceState


class DeviceRecord(msgspec.Struct, frozen=True):
    """A device's readings so far, and its newest score."""

    edge: str
    device: str
    channels: tuple[str, ...]
    first_ns: int
    last_ns: int
    rows: int
    score: float | None = None
    score_ns: int = 0


class SourceRecord(msgspec.Struct, frozen=True):
    """The newest state of a source of an edge."""

    edge: str
    state: SourceState


Record = DeviceRecord | SourceRecord | Accounts | Liveness


class Ledger:
    """Devices and accounts as the last commit left them, and what the present one changes."""

    def __init__(self, devices: Iterable[DeviceRecord], accounts: Iterable[Accounts]) -> None:
        """Start from what is stored."""
        self._devices = {d.device: d for d in devices}
        self._accounts = {a.edge: a for a in accounts}
        self._changed: dict[str, Record] = {}

    @property
    def accounts(self) -> Mapping[str, Accounts]:
        """Counts by edge, as last settled."""
        return self._accounts

    def changed(self) -> Mapping[str, Record]:
        """What changed since the last `settle`, by its name in the store."""
        return self._changed

    def settle(self) -> None:
        """What changed is stored now."""
        for record in self._changed.values():
            if isinstance(record, DeviceRecord):
                self._devices[record.device] = record
            elif isinstance(record, Accounts):
                self._accounts[record.edge] = record
        self._changed = {}

    def forget(self) -> None:
        """What changed was not stored."""
        self._changed = {}

    def note_batch(self, batch: Batch) -> None:
        """Count a batch and remember the sources that spoke; its frames are noted one by one."""
        gaps = [e for e in batch.events if isinstance(e, Gap)]
        rows = sum(frame.rows for frame in batch.frames)
        self.count(
            batch.edge,
            batches=1,
            rows=rows,
            late=rows if batch.late else 0,
            redelivered=sum(e.rows for e in batch.events if isinstance(e, Redelivered)),
            gaps=len(gaps),
            gap_rows=sum(max(g.rows, 0) for g in gaps),
        )
        for event in batch.events:
            if isinstance(event, SourceState):
                self._changed[f"source/{batch.edge!r}/{event.source!r}"] = SourceRecord(batch.edge, event)

    def note_outcomes(self, commit: Commit) -> None:
        """Count dead letters and duplicates, and remember the newest liveness of each device."""
        for outcome in commit.outcomes:
            if isinstance(outcome, DeadLetter):
                self.count(outcome.origin.edge, dead=outcome.count)
            elif isinstance(outcome, Liveness):
                self._changed[f"liveness/{outcome.device}"] = outcome
        if commit.duplicates:
            edge = commit.batches[-1].edge if commit.batches else next(iter(self._accounts), "")
            self.count(edge, duplicates=commit.duplicates)

    def channels(self, device: str, channels: tuple[str, ...]) -> tuple[str, ...]:
        """All channels of a device, those of its next frame among them, in the order they were first seen."""
        known = self._device(device)
        if known is None or known.channels == channels:
            return channels
        return tuple(dict.fromkeys((*known.channels, *channels)))

    def note_frame(self, edge: str, frame: Frame, channels: tuple[str, ...]) -> None:
        """Add a frame's rows to its device, which has these channels with it."""
        if not frame.rows:
            return
        first = int.from_bytes(frame.t_ns[:8], "little", signed=True)
        last = int.from_bytes(frame.t_ns[-8:], "little", signed=True)
        known = self._device(frame.device) or DeviceRecord(edge, frame.device, channels, first, last, 0)
        self._changed[f"device/{frame.device}"] = DeviceRecord(
            edge,
            frame.device,
            channels,
            min(first, known.first_ns),
            max(last, known.last_ns),
            known.rows + frame.rows,
            known.score,
            known.score_ns,
        )

    def note_score(self, device: str, t_ns: int, score: float) -> None:
        """Remember the newest score of a device."""
        known = self._device(device)
        if known is not None and t_ns >= known.score_ns:
            self._changed[f"device/{device}"] = msgspec.structs.replace(known, score=score, score_ns=t_ns)

    def note_retained(self, device: str, rows: int, first_ns: int) -> None:
        """Rows of a device went by retention; what is left begins at `first_ns`."""
        known = self._device(device)
        if known is not None:
            first = max(known.first_ns, min(first_ns, known.last_ns))
            self._changed[f"device/{device}"] = msgspec.structs.replace(
                known, rows=max(known.rows - rows, 0), first_ns=first
            )

    def count(self, edge: str, **more: int) -> None:
        """Add to the counts of an edge."""
        name = f"accounts/{edge}"
        known = self._changed.get(name)
        if not isinstance(known, Accounts):
            known = self._accounts.get(edge) or Accounts(edge, *(0 for _ in Accounts.__struct_fields__[1:]))
        said = {field: getattr(known, field) + n for field, n in more.items()}
        self._changed[name] = msgspec.structs.replace(known, **said)

    def _device(self, device: str) -> DeviceRecord | None:
        changed = self._changed.get(f"device/{device}")
        return changed if isinstance(changed, DeviceRecord) else self._devices.get(device)
