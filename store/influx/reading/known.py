"""What is known of each device of a fleet, from answers of InfluxDB; asks nothing itself."""

from collections.abc import Iterable, Mapping

import msgspec

from store.influx.client import Series, Value
from store.influx.reading.asking import moment, number, word
from store.influx.reading.names import true_channel, true_name
from store.influx.table import DEVICE, EDGE, SITE
from store.port import Device
from wire.messages import NS_PER_S, Health, Liveness, Origin

NEWEST = "last"  # the name InfluxQL gives to the newest value
_NO_CHANNELS = frozenset({"time", EDGE, SITE})
_NS_PER_US = 1000


class Known(msgspec.Struct):
    """One device; 0 is a time that is not known yet."""

    tag: str  # its name in InfluxDB
    edge: str = ""
    health: Health | None = None
    warm: float = 0.0
    clock_ns: int = 0  # of the newest word on it
    score: float | None = None
    score_ns: int = 0
    first_ns: int = 0
    last_ns: int = 0
    channels: tuple[str, ...] = ()
    asked_s: float = 0.0  # when its channels were asked for; 0: never

    def device(self, name: str, active: Mapping[str, int]) -> Device:
        """As the port tells it."""
        return Device(
            edge=self.edge,
            device=name,
            channels=self.channels,
            first_ns=self.first_ns or self.last_ns,
            last_ns=self.last_ns,
            rows=None,
            health=self.health,
            warm=self.warm,
            score=self.score,
            active=active,
        )

    def alive(self, name: str) -> Liveness | None:
        """The newest word on it, if there was one."""
        if self.health is None:
            return None
        origin = Origin(edge=self.edge, log="", seq=0)
        return Liveness(origin, self.edge, name, self.clock_ns, self.last_ns, self.health, self.warm)


class Register:
    """All devices by their true names; bounded by the series that InfluxDB has."""

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}

    def lives(self, found: Iterable[Series]) -> set[str]:
        """Take in the newest words on devices; the names that were told of.

        A device that two edges claim is that of the edge which spoke last.
        """
        told = set()
        for series in found:
            one = self._of(series.tags[DEVICE])
            told.add(true_name(series.tags[DEVICE]))
            row = series.rows()[0]
            clock_ns = moment(row["time"])
            if clock_ns >= one.clock_ns:
                one.edge, one.clock_ns = true_name(series.tags.get(EDGE, "")), clock_ns
                one.health, one.warm = Health(word(row[NEWEST])), number(row["warm"], 1.0)
                one.last_ns = max(one.last_ns, _up(number(row["last_s"])))
        return told

    def scored(self, found: Iterable[Series]) -> None:
        """Take in the newest scores."""
        for series in found:
            one, row = self._of(series.tags[DEVICE]), series.rows()[0]
            at_ns = moment(row["time"])
            if at_ns >= one.score_ns:
                one.score, one.score_ns = number(row[NEWEST]), at_ns
                one.last_ns = max(one.last_ns, at_ns)

    def named(self, found: Iterable[Series]) -> set[str]:
        """Take in devices that have readings; their names."""
        tags = [str(row["value"]) for series in found for row in series.rows() if row["key"] == DEVICE]
        for tag in tags:
            self._of(tag)
        return {true_name(tag) for tag in tags}

    def keep(self, names: set[str]) -> None:
        """Forget all others: nothing of them is stored any more."""
        self.known = {name: one for name, one in self.known.items() if name in names}

    def described(self, found: Iterable[Series]) -> None:
        """Take in first and newest rows of devices, and the newest values of their channels."""
        for series in found:
            one = self._of(series.tags[DEVICE])
            is_row = EDGE in series.columns  # a row tells its tags as well
            for row in series.rows():
                valued = {column for column, value in row.items() if value is not None} - _NO_CHANNELS
                fields = valued if is_row else {column.removeprefix(f"{NEWEST}_") for column in valued}
                one.channels = tuple(sorted({*one.channels, *map(true_channel, fields)}))
                if is_row:
                    self._spans(one, row)

    def _spans(self, one: Known, row: Mapping[str, Value]) -> None:
        at_ns = moment(row["time"])
        one.first_ns = min(one.first_ns or at_ns, at_ns)
        one.last_ns = max(one.last_ns, at_ns)
        one.edge = one.edge or true_name(word(row.get(EDGE)))

    def _of(self, tag: str) -> Known:
        return self.known.setdefault(true_name(tag), Known(tag))


def _up(at_s: float) -> int:
    """A time that is kept as seconds, never before the true one: later by less than two microseconds."""
    return (round(at_s * NS_PER_S) // _NS_PER_US + 1) * _NS_PER_US
