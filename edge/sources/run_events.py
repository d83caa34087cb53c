"""JSON objects of test benches as run events: each says its "event" and its "run"; knows nothing of lines and brokers.

A measurement that cannot be read spoils nothing beside it: the step it came with is over all the same.
"""

from collections.abc import Callable, Iterator, Mapping
from math import isfinite

from edge.sources.json_text import TWICE, decoded, repeats
from edge.sources.parsed import MAX_NUMBERS, Told, Unread
from edge.sources.times import nanoseconds
from wire.messages import Measured, RunEnded, RunEvent, RunStarted, StepEnded
from wire.names import BAD_NAME, is_name

MAX_VALUE = 4096  # characters of a measured text

_Object = Mapping[str, object]


class _UnreadError(ValueError):
    """A field is not what it has to be; the message is the reason."""


class RunEvents:
    """Reads the objects of one source."""

    def __init__(self, *, source: str, time_field: str = "") -> None:
        self._source = source
        self._time_field = time_field or "time"

    def read(self, text: bytes, *, station: str) -> Told | Unread | None:
        """Read one object, None if it is no run event; `station` is where it comes from if it does not say."""
        if b'"event"' not in text or b'"run"' not in text:
            return None
        said = decoded(text)
        if not isinstance(said, dict) or "event" not in said or "run" not in said:
            return None
        if repeats(text):
            return TWICE
        kind = said["event"]
        kinds: Mapping[object, Callable[[_Fields, str, list[Unread]], Iterator[RunEvent]]] = {
            "run-started": self._started,
            "measured": self._measured,
            "step": self._step,
            "run-ended": self._ended,
        }
        if not isinstance(kind, str) or kind not in kinds:
            return Unread(reason=f"event: has to be one of {', '.join(map(str, kinds))}")
        unread: list[Unread] = []
        try:
            events = tuple(kinds[kind](_Fields(said), station, unread))
        except _UnreadError as error:
            return Unread(reason=f"{kind}: {error}")
        return Told(events, tuple(unread))

    def _started(self, said: "_Fields", station: str, _: list[Unread]) -> Iterator[RunEvent]:
        yield RunStarted(
            run=said.name("run"),
            unit=said.name("unit"),
            procedure=said.name("procedure"),
            version=said.text("version"),
            station=said.text("station") or station,
            operator=said.text("operator"),
            retest_of=said.text("retest_of"),
            t_ns=said.time(self._time_field),
            source=self._source,
            steps=said.names("steps"),
        )

    def _measured(self, said: "_Fields", station: str, _: list[Unread]) -> Iterator[RunEvent]:
        yield self._measurement(said, said, said.time(self._time_field), said.text("station") or station)

    def _step(self, said: "_Fields", station: str, unread: list[Unread]) -> Iterator[RunEvent]:
        run, step, t_ns = said.name("run"), said.name("step"), said.time(self._time_field)
        at, duration_s = said.text("station") or station, said.number("duration_s")
        for one in said.objects("measurements"):
            try:
                yield self._measurement(said, one, one.time(self._time_field) or t_ns, at)
            except _UnreadError as error:
                unread.append(Unread(reason=f"step: measurements: {error}"))
        yield StepEnded(run, step, t_ns, duration_s, at, self._source)

    def _measurement(self, of: "_Fields", said: "_Fields", t_ns: int, station: str) -> Measured:
        return Measured(
            run=of.name("run"),
            step=of.name("step"),
            name=said.name("name"),
            value=said.value("value"),
            uom=said.text("uom"),
            low=said.number("low"),
            high=said.number("high"),
            t_ns=t_ns,
            station=station,
            source=self._source,
        )

    def _ended(self, said: "_Fields", station: str, _: list[Unread]) -> Iterator[RunEvent]:
        run, t_ns, at = said.name("run"), said.time(self._time_field), said.text("station") or station
        match said.text("outcome"):
            case "pass" | "fail" | "aborted" as outcome:
                yield RunEnded(run, outcome, t_ns, at, self._source)
            case _:
                msg = "outcome: has to be pass, fail or aborted"
                raise _UnreadError(msg)


class _Fields:
    """What one object says, field by field; raises _UnreadError where it cannot be that."""

    def __init__(self, said: _Object) -> None:
        self._said = said

    def name(self, field: str) -> str:
        """A name that has to be there."""
        name = self.text(field)
        if not name:
            msg = f"{field}: is missing or empty"
            raise _UnreadError(msg)
        return name

    def text(self, field: str) -> str:
        """A short text, "" where there is none; whole numbers are taken as they are written."""
        return _text(self._said.get(field), field)

    def names(self, field: str) -> tuple[str, ...]:
        """A list of names, none where it is missing."""
        return tuple(_text(item, field) for item in self._list(field))

    def objects(self, field: str) -> Iterator["_Fields"]:
        """A list of objects, none where it is missing; what is no object has no field."""
        for item in self._list(field):
            yield _Fields(item if isinstance(item, dict) else {})

    def number(self, field: str) -> float | None:
        """A finite number, None where it is missing or null."""
        said = self._said.get(field)
        return None if said is None else _finite(said, field, "left out")

    def value(self, field: str) -> float | str | bool:
        """What was measured: a finite number, a text, or true or false."""
        said = self._said.get(field)
        if isinstance(said, bool):
            return said
        return said[:MAX_VALUE] if isinstance(said, str) else _finite(said, field, "true, false or a text")

    def time(self, field: str) -> int:
        """When it was, ns; 0 where it does not say."""
        said = self._said.get(field)
        claimed = nanoseconds(said)
        if claimed is None and said is not None:
            msg = f"{field}: has to be a time in ISO 8601 or since 1970, or to be left out"
            raise _UnreadError(msg)
        return claimed or 0

    def _list(self, field: str) -> list[object]:
        said = self._said.get(field)
        if said is None:
            return []
        if not isinstance(said, list) or len(said) > MAX_NUMBERS:
            msg = f"{field}: has to be a list of at most {MAX_NUMBERS}"
            raise _UnreadError(msg)
        return said


def _text(said: object, field: str) -> str:
    if isinstance(said, int) and not isinstance(said, bool):
        said = str(said)
    if said is None or said == "":
        return ""
    if not isinstance(said, str):
        msg = f"{field}: has to be a text"
        raise _UnreadError(msg)
    if not is_name(said):
        msg = f"{field}: {BAD_NAME}"
        raise _UnreadError(msg)
    return said


def _finite(said: object, field: str, instead: str) -> float:
    try:
        number = float(said) if isinstance(said, int | float) and not isinstance(said, bool) else None
    except OverflowError:
        number = None
    if number is None or not isfinite(number):
        msg = f"{field}: has to be a finite number, or {instead}"
        raise _UnreadError(msg)
    return number
