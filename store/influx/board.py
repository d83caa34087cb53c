"""The alarms that stand now, from the compacted topic: rewritten as long as they stand, with one last 0 after that."""

from store.influx.lines import Lines
from wire.envelope import unpack_outcome
from wire.messages import NS_PER_S, Alarm
from wire.ports import Record

REMEMBERED_NS = 86_400 * NS_PER_S  # an alarm that returned longer ago gets no last 0 after a restart
Tags = tuple[str, str, str, str]


class Board:
    """The newest state of each alarm, by the key of its record; bounded by the rules of the plant's devices."""

    def __init__(self) -> None:
        self._active: dict[bytes, Alarm] = {}
        self._returned: dict[Tags, Alarm] = {}
        self._changed: set[bytes] = set()

    def __len__(self) -> int:
        """How many stand."""
        return len(self._active)

    @property
    def changed(self) -> bool:
        """Whether something is told that is not written yet."""
        return bool(self._changed or self._returned)

    def absorb(self, record: Record, *, now_ns: int) -> None:
        """Take in a record of the alarms' topic; one that cannot be read changes nothing here."""
        old = self._active.get(record.key)
        alarm = unpack_outcome(record.body) if record.body else None
        if record.body and not isinstance(alarm, Alarm):
            return
        if isinstance(alarm, Alarm) and old is not None and old.id == alarm.id and alarm.version < old.version:
            return
        if old is not None:
            self._returned[_tags(old)] = old
            del self._active[record.key]
        if isinstance(alarm, Alarm) and alarm.active:
            self._active[record.key] = alarm
            self._changed.add(record.key)
            self._returned.pop(_tags(alarm), None)
        elif isinstance(alarm, Alarm) and (old is not None or now_ns - record.at_ns < REMEMBERED_NS):
            self._returned[_tags(alarm)] = alarm

    def lines(self, encode: Lines, *, at_ns: int, whole: bool) -> bytes:
        """A line for each that stands, or only for those that changed, and for each that has returned."""
        standing = [alarm for key, alarm in self._active.items() if whole or key in self._changed]
        parts = [encode.active(alarm, at_ns=at_ns, active=True) for alarm in standing]
        parts += [encode.active(alarm, at_ns=at_ns, active=False) for alarm in self._returned.values()]
        return b"".join(parts)

    def written(self) -> None:
        """Those lines are stored."""
        self._returned.clear()
        self._changed.clear()


def _tags(alarm: Alarm) -> Tags:
    return alarm.edge, alarm.device, alarm.rule, alarm.priority.value
