"""The newest state of every alarm, from the records of the bus; knows neither Kafka nor InfluxDB."""

import threading
from collections import OrderedDict
from collections.abc import Iterable

from wire.envelope import unpack_outcome
from wire.messages import Alarm, AlarmState
from wire.ports import Record

MOST = 50_000  # places where an alarm may ring; past that, what is over longest is forgotten, then what stands longest
PAST = 5_000  # alarms that are over, kept beside the newest of each place


class Book:
    """Takes in records of the alarms' topic in their order, and answers from any thread."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._lock = threading.Lock()
        self._places: OrderedDict[bytes, Alarm] = OrderedDict()  # the newest of each edge, device and rule
        self._past: OrderedDict[str, Alarm] = OrderedDict()
        self._sorted: list[Alarm] | None = None
        self.forgotten = 0  # alarms that stood and had to give way
        for record in records:
            self.absorb(record)

    def absorb(self, record: Record) -> None:
        """Take in one record; one that cannot be read changes nothing, and a repetition of an older state neither."""
        told = unpack_outcome(record.body) if record.body else None
        alarm = told if isinstance(told, Alarm) else None
        if record.body and alarm is None:
            return
        with self._lock:
            old = self._places.get(record.key)
            if alarm is not None and old is not None and old.id == alarm.id and alarm.version < old.version:
                return
            self._sorted = None
            self._places.pop(record.key, None)
            if alarm is not None:
                self._past.pop(alarm.id, None)
                self._places[record.key] = alarm
            if old is not None and old.state is AlarmState.NORMAL and (alarm is None or old.id != alarm.id):
                self._past[old.id] = old
            self._bound()

    def alarms(self) -> list[Alarm]:
        """The newest state of each alarm that is known, newest change first."""
        with self._lock:
            if self._sorted is None:
                found = [*self._places.values(), *self._past.values()]
                self._sorted = sorted(found, key=lambda alarm: (-alarm.changed_ns, alarm.id))
            return list(self._sorted)

    def standing(self) -> list[Alarm]:
        """Those that still need a person or whose condition stands, newest change first."""
        return [alarm for alarm in self.alarms() if alarm.state is not AlarmState.NORMAL]

    def get(self, alarm_id: str) -> Alarm | None:
        """The newest state of one alarm."""
        return next((alarm for alarm in self.alarms() if alarm.id == alarm_id), None)

    def _bound(self) -> None:
        while len(self._past) > PAST:
            self._past.popitem(last=False)
        if len(self._places) > MOST:
            over = (key for key, alarm in self._places.items() if alarm.state is AlarmState.NORMAL)
            key = next(over, None)
            if key is None:
                self._places.popitem(last=False)
                self.forgotten += 1
            else:
                del self._places[key]
