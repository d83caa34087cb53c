"""Implements store.port.Reader for a fleet: each question goes to who knows best, as the room's first page says."""

import threading
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from store.errors import UnknownDeviceError
from store.export import SINKS, whole
from store.influx.reading import benches, series
from store.influx.reading.asking import Asking, Queries
from store.influx.reading.book import Book
from store.influx.reading.glance import DEAD_MOST, GAPS_MOST, Glance
from store.influx.reading.names import text
from store.influx.reading.past import Past
from store.influx.reading.series import Wanted
from store.influx.reading.words import DEAD_FIELDS, GAP_FIELDS, dead_of, gaps_of, selected
from store.influx.table import DEAD, DEVICE, EDGE, GAPS, shown
from store.port import Accounts, Device, Series, StoreAwayError
from store.series import as_series
from store.which import WhichLabels, WhichRuns, Whose
from wire.messages import Advice, Alarm, AlarmState, DeadLetter, Gap, Label, Liveness, Measured, Role, Run, SourceState

JOIN_S = 10.0


class FleetReader:
    """The reading side of a fleet; looks at InfluxDB from `with` to the end of it, whether it answers or not.

    `book` gives the alarms as the bus tells them. What can be answered from memory always is; other questions raise
    StoreAwayError while InfluxDB is away.
    """

    def __init__(self, client: Queries, *, book: Callable[[], Book], site: str) -> None:
        self._asking = Asking(client, site=site)
        self._book = book
        self.glance = Glance(self._asking)
        self._past = Past(self._asking)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.glance.run, args=(self._stop,), name="glance", daemon=True)

    @property
    def trouble(self) -> str:
        """Why InfluxDB gives no answers; empty while it does."""
        return self._asking.trouble

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Look no more."""
        self._stop.set()
        self._thread.join(JOIN_S)

    def devices(self) -> list[Device]:
        """All devices, by name; `active` counts the alarms that still need a person."""
        active: dict[str, dict[str, int]] = {}
        for alarm in self._book().standing():
            counts = active.setdefault(alarm.device, {})
            counts[alarm.priority] = counts.get(alarm.priority, 0) + 1
        return [one.device(name, active.get(name, {})) for name, one in sorted(self.glance.known().items())]

    def readings(
        self, device: str, *, start_ns: int, end_ns: int, channels: Sequence[str] = (), points: int = 0
    ) -> Series:
        """See store.port.Reader. Raises StoreAwayError, TooManyRowsError."""
        names = tuple(dict.fromkeys(channels)) or self.glance.channels(device)
        return as_series(series.readings(self._asking, Wanted(device, names, start_ns, end_ns), points), names)

    def scores(
        self,
        device: str,
        *,
        start_ns: int,
        end_ns: int,
        points: int = 0,
        role: Role = "champion",
        model: str = "",
        version: int = 0,
    ) -> Series:
        """See store.port.Reader. Raises StoreAwayError, TooManyRowsError."""
        names = self.glance.channels(device)
        whose = Whose(role, model, version)
        found = series.scores(self._asking, Wanted(device, names, start_ns, end_ns), whose, points)
        return as_series(found, ["score", *names])

    def alarms(self, *, device: str = "", active: bool = False, since_ns: int = 0, limit: int = 1000) -> list[Alarm]:
        """See store.port.Reader; without InfluxDB only what the bus still tells."""
        found = {alarm.id: alarm for alarm in self._book().alarms() if _wanted(alarm, device, since_ns)}
        if active:
            return [alarm for alarm in found.values() if alarm.state is not AlarmState.NORMAL][:limit]
        try:
            past = self._past.alarms(device, since_ns, limit)
        except StoreAwayError:
            past = ()
        for alarm in past:
            # What stands is in the book: one that is only in InfluxDB is over, whatever was last stored of it.
            found.setdefault(alarm.id, msgspec.structs.replace(alarm, state=AlarmState.NORMAL))
        return sorted(found.values(), key=lambda alarm: (-alarm.changed_ns, alarm.id))[:limit]

    def history(self, alarm_id: str) -> list[Alarm]:
        """See store.port.Reader; without InfluxDB only the newest state."""
        newest = self._book().get(alarm_id)
        try:
            states = {state.version: state for state in self._past.history(alarm_id, newest)}
        except StoreAwayError:
            states = {}
        if newest is not None:
            states[newest.version] = newest
        return [states[version] for version in sorted(states)]

    def runs(
        self,
        *,
        procedure: str = "",
        station: str = "",
        unit: str = "",
        state: str = "",
        since_ns: int = 0,
        limit: int = 1000,
        rows: bool = True,
    ) -> list[Run]:
        """See store.port.Reader; among the newest changes that one answer holds. Raises StoreAwayError."""
        return benches.runs(self._asking, WhichRuns(procedure, station, unit, state, since_ns, limit, rows))

    def run(self, edge: str, run: str) -> Run | None:
        """One run with its wide row. Raises StoreAwayError."""
        return benches.run(self._asking, edge, run)

    def advice(self, edge: str, run: str, role: Role = "champion") -> list[Advice]:
        """What was advised on a run, in the order of its steps. Raises StoreAwayError."""
        known = benches.run(self._asking, edge, run)
        return benches.advice(self._asking, known, role) if known is not None else []

    def newest(self, runs: Sequence[Run]) -> Mapping[tuple[str, str], Advice]:
        """The last word on each of these runs, by (edge, run). Raises StoreAwayError."""
        return benches.newest(self._asking, runs)

    def measured(self, edge: str, run: str) -> list[Measured]:
        """What a bench said it measured in a run, in the order it came. Raises StoreAwayError."""
        known = benches.run(self._asking, edge, run)
        return benches.measured(self._asking, known) if known is not None else []

    def labels(
        self,
        *,
        label: str = "",
        device: str = "",
        run: str = "",
        since_ns: int = 0,
        withdrawn: bool = False,
        limit: int = 1000,
    ) -> list[Label]:
        """Labels in their newest state, newest first. Raises StoreAwayError."""
        return benches.labels(self._asking, WhichLabels(label, device, run, since_ns, withdrawn, limit))

    def liveness(self) -> list[Liveness]:
        """The newest word on every device."""
        return self.glance.liveness()

    def sources(self) -> list[tuple[str, SourceState]]:
        """The newest state of every source, with its edge."""
        return self.glance.sources()

    def gaps(self, *, device: str = "", limit: int = 1000) -> list[tuple[str, Gap]]:
        """Known losses with their edge, the last to begin first; a device's are its own and those of its whole edge."""
        if not device and limit <= GAPS_MOST:
            return self.glance.gaps()[:limit]
        mine = []
        if device:
            known = self.glance.known().get(device)
            edge = f' AND "{EDGE}" = {text(shown(known.edge))}' if known is not None else ""
            mine = [f'("{DEVICE}" = {text(shown(device))} OR ("{DEVICE}" = \'*\'{edge}))']
        return gaps_of(self._asking.ask([selected(GAP_FIELDS, self._asking.of(GAPS, *mine), limit)]))

    def dead(self, *, limit: int = 100) -> list[DeadLetter]:
        """Dead letters, newest first, without what died."""
        if limit <= DEAD_MOST:
            return self.glance.dead()[:limit]
        return dead_of(self._asking.ask([selected(DEAD_FIELDS, self._asking.of(DEAD), limit)]))

    def accounts(self) -> list[Accounts]:
        """None: a fleet counts in its archive, by partition, and not by edge."""
        return []

    def export(
        self, device: str, path: Path, *, form: Literal["csv", "parquet"], start_ns: int = 0, end_ns: int = 2**63 - 1
    ) -> int:
        """Write a device's rows to a file, which appears whole or not at all. Raises UnknownDeviceError."""
        known: Mapping[str, object] = self.glance.known()
        if device not in known:
            raise UnknownDeviceError(device, get_close_matches(device, known, n=3))
        names, written = self.glance.channels(device), 0
        with whole(path) as file:
            sink = SINKS[form](file, names)
            for piece in series.pieces(self._asking, Wanted(device, names, start_ns, end_ns)):
                sink.write(piece)
                written += len(piece.t_ns)
            sink.close()
        return written


def _wanted(alarm: Alarm, device: str, since_ns: int) -> bool:
    return (not device or alarm.device == device) and alarm.changed_ns >= since_ns
