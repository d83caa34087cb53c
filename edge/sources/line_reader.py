"""The bytes of one opened line turned into rows and events; knows nothing of ports."""

import msgspec

from edge.sources.line_quality import LineQuality
from edge.sources.lines import LineCutter, Overlong
from edge.sources.parsed import NOT_TEXT, Header, Outcome, Parser, Told, Unread
from edge.sources.refusals import Refusals
from wire.messages import Event, SourceState, SourceStatus, Text
from wire.ports import Row

FRAGMENT = "fragment after opening: its beginning was not seen"
TORN = "fragment at the end: the line was lost in the middle of it"
MAX_TEXT = 4096


class Harvest(msgspec.Struct, frozen=True):
    """What one read brought."""

    rows: tuple[Row, ...]
    events: tuple[Event, ...]


class LineReader:
    """Reads one opening of a line.

    What comes first after opening may be the tail of a line whose beginning was not seen, and "3.2,5" out of "13.2,5"
    reads well and wrong. So the first line counts only if its format proves that it is whole (checksum, JSON object)
    or if the line had been quiet before it; otherwise it is refused as a fragment, and counted.
    """

    def __init__(self, *, source: str, device: str, parser: Parser, max_line_bytes: int, where: str = "") -> None:
        self._source = source
        self._device = device
        self._parser = parser
        self._cutter = LineCutter(max_line_bytes=max_line_bytes)
        self._too_long = f"line longer than {max_line_bytes} bytes"
        self._endless = f"no line end within {max_line_bytes} bytes: check baud rate, line ends and format"
        self._is_endless = False
        self._refusals = Refusals(source=source, device=device)
        self._quality = LineQuality()
        self._where = where
        self._certain: bool | None = None  # the beginning of the line under way was seen; None: nothing came yet

    @property
    def begun(self) -> bool:
        """Whether any byte came."""
        return self._certain is not None

    @property
    def in_step(self) -> bool:
        """Whether the beginning of the line under way was seen."""
        return bool(self._certain)

    def feed(self, data: bytes, *, now_s: float, quiet_before: bool = False) -> Harvest:
        """Read the lines that end in `data`; `quiet_before`: the line was silent between opening and this."""
        if self._certain is None and data:
            self._certain = quiet_before or data[:1] in b"\r\n"
        rows: list[Row] = []
        events: list[Event] = []
        lines = self._cutter.feed(data)
        if not self._certain and b"\n" not in data and b"\r" not in data:
            return Harvest(rows=(), events=(*self._refusals.due(now_s=now_s), *self._ended()))
        refused = sum(not self._read(line, rows, events, now_s) for line in lines)
        self._certain = True
        events += self._refusals.due(now_s=now_s)
        events += self._judged(lines=len(lines), refused=refused, now_s=now_s)
        events += self._ended()
        return Harvest(rows=tuple(rows), events=tuple(events))

    def close(self, *, now_s: float) -> Harvest:
        """What is left when the line is lost or closed; an unfinished line is refused."""
        events: list[Event] = []
        if (rest := self._cutter.rest()) is not None:
            body, size = (rest.head, rest.size) if isinstance(rest, Overlong) else (rest, len(rest))
            events += self._refusals.add(TORN, body, now_s=now_s, size=size)
        return Harvest(rows=(), events=(*events, *self._refusals.rest()))

    def _read(self, line: bytes | Overlong, rows: list[Row], events: list[Event], now_s: float) -> bool:
        body, size = (line.head, line.size) if isinstance(line, Overlong) else (line, len(line))
        outcome = self._outcome(line)
        if isinstance(outcome, Unread):
            events += self._refusals.add(outcome.reason, body, now_s=now_s, size=size)
            return False
        if isinstance(outcome, Header):
            events.append(Text(device=self._device, name="header", text=outcome.text[:MAX_TEXT]))
            return True
        if isinstance(outcome, Told):
            events += outcome.events
            for unread in outcome.unread:
                events += self._refusals.add(unread.reason, body, now_s=now_s, size=size)
            return True
        rows.append(Row(self._device, outcome.channels, outcome.values, outcome.claimed_ns))
        for name, text in outcome.texts:
            events.append(Text(self._device, name, text[:MAX_TEXT], outcome.claimed_ns or 0))
        return True

    def _outcome(self, line: bytes | Overlong) -> Outcome:
        certain, self._certain = self._certain, True
        if isinstance(line, Overlong):
            return Unread(reason=self._too_long if line.head.isascii() else NOT_TEXT)
        if not certain and not self._parser.starts_are_certain:
            return Unread(reason=FRAGMENT)
        outcome = self._parser.parse(line)
        return Unread(reason=FRAGMENT) if not certain and isinstance(outcome, Unread) else outcome

    def _judged(self, *, lines: int, refused: int, now_s: float) -> list[Event]:
        sentence = self._quality.count(lines=lines, refused=refused, now_s=now_s)
        return [] if sentence is None else [self._state(sentence or "reads well again")]

    def _ended(self) -> list[Event]:
        """Say once that a line does not end, long before it is refused, and once that it did."""
        if self._is_endless == self._cutter.overlong:
            return []
        self._is_endless = self._cutter.overlong
        return [self._state(self._endless if self._is_endless else "lines end again")]

    def _state(self, sentence: str) -> SourceState:
        detail = f"{self._where}: {sentence}" if self._where else sentence
        return SourceState(self._source, SourceStatus.CONNECTED, detail)
