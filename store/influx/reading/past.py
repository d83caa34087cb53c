"""Alarms as InfluxDB keeps them: a point a change, for as long as the bucket keeps anything.

Not kept there: contributions, the batch a change came from, and times finer than a microsecond.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from store.influx.client import Series
from store.influx.lines import VERSIONS
from store.influx.reading.asking import Asking, moment, number, word
from store.influx.reading.names import text, true_name
from store.influx.reading.words import selected
from store.influx.table import ALARMS, DEVICE, EDGE, PRIORITY, RULE, shown
from wire.messages import Alarm, AlarmState, Origin, Priority

FIELDS = (*ALARMS.fields, *ALARMS.texts, DEVICE, EDGE, PRIORITY, RULE)
CHANGES = 4  # asked for at first, for each alarm that is wanted
FRESH_S = 10.0  # newer changes are known from the bus
KEPT = 64  # answers
MOST = 20_000  # changes in one answer
_MICROSECONDS = 1_000_000

_Key = tuple[str, int, int] | str


class Past:
    """What alarms went through; answers are kept for a while. Raises StoreAwayError."""

    def __init__(self, asking: Asking, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._asking = asking
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, tuple[float, Sequence[Alarm]]] = OrderedDict()

    def alarms(self, device: str, since_ns: int, limit: int) -> Sequence[Alarm]:
        """The newest state of each alarm that changed since, newest change first; of one device, or of all."""
        return self._answered((device, since_ns, limit), lambda: self._alarms(device, since_ns, limit))

    def history(self, alarm_id: str, known: Alarm | None) -> Sequence[Alarm]:
        """Every change of an alarm, oldest first; `known` is any state of it, with which it is found faster."""
        return self._answered(alarm_id, lambda: self._history(alarm_id, known))

    def _answered(self, key: _Key, ask: Callable[[], Sequence[Alarm]]) -> Sequence[Alarm]:
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and self._clock_s() - kept[0] < FRESH_S:
            return kept[1]
        found = ask()
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = self._clock_s(), found
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _alarms(self, device: str, since_ns: int, limit: int) -> Sequence[Alarm]:
        mine = [f'"{DEVICE}" = {text(shown(device))}'] if device else []
        end, wanted = self._asking.of(ALARMS, *mine, f"time >= {max(since_ns // VERSIONS * VERSIONS, 0)}"), CHANGES
        while True:
            changes = min(wanted * limit, MOST)
            found = changes_of(self._asking.ask([selected(FIELDS, end, changes)]))
            newest: dict[str, Alarm] = {}
            for alarm in found:
                if alarm.id not in newest or alarm.version > newest[alarm.id].version:
                    newest[alarm.id] = alarm
            if len(newest) >= limit or len(found) < changes or changes == MOST:
                return list(newest.values())
            wanted *= CHANGES

    def _history(self, alarm_id: str, known: Alarm | None) -> Sequence[Alarm]:
        where = [f'"id" = {text(alarm_id)}']
        if known is not None:
            where += [f'"{tag}" = {text(shown(name))}' for tag, name in ((DEVICE, known.device), (RULE, known.rule))]
        found = changes_of(self._asking.ask([selected(FIELDS, self._asking.of(ALARMS, *where), MOST)]))
        return sorted({alarm.version: alarm for alarm in found}.values(), key=lambda alarm: alarm.version)


def changes_of(found: Iterable[Series]) -> list[Alarm]:
    """The alarm at each change."""
    alarms = []
    for series in found:
        for row in series.rows():
            edge = true_name(word(row[EDGE]))
            alarms.append(
                Alarm(
                    id=word(row["id"]),
                    origin=Origin(edge=edge, log="", seq=0),
                    edge=edge,
                    device=true_name(word(row[DEVICE])),
                    rule=true_name(word(row[RULE])),
                    version=int(number(row["version"])),
                    state=AlarmState(word(row["state"])),
                    priority=Priority(word(row[PRIORITY])),
                    onset_ns=round(number(row["onset_s"]) * _MICROSECONDS) * 1000,
                    changed_ns=moment(row["time"]) // VERSIONS * VERSIONS,
                    value=_figure(row["value"]),
                    limit=_figure(row["limit"]),
                    summary=word(row["summary"]),
                    cause=word(row["cause"]),
                    consequence=word(row["consequence"]),
                    response=word(row["response"]),
                    channel=word(row["channel"]),
                    model=word(row["model"]),
                    model_version=int(number(row["model_version"])),
                    who=word(row["who"]),
                    why=word(row["why"]),
                )
            )
    return alarms


def _figure(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
