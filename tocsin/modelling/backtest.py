"""`tocsin backtest`: history scored as live rows would have been, written back beside the live scores, and judged."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import pyarrow.parquet

from models.contract import F64, I64
from models.judging.alarm_labels import Span, Tally, tally
from stream.core import Core
from stream.models.detectors import Shelf, lacks
from stream.models.seats import RULES_OF
from tocsin.modelling.place import Model
from tocsin.reaching.access import Access, Form, KnownDevice, Rang, Said
from tocsin.reaching.row_labels import row_labels
from wire.config import Config, DeviceRule
from wire.messages import Alarm, AlarmState, Backtested, Batch, Frame, Scores

EDGE, LANE = "backtest", hashlib.sha256(b"backtest").hexdigest()[:32]
PIECE_ROWS = 100_000  # read at once, of a device whose rows are counted
PIECE_NS = 6 * 3600 * 1_000_000_000  # of another
STEP_ROWS = 4096  # given to the core at once
GIVEN_BYTES = 192 * 1024  # of scores in one input
_STANDING = {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED}
Told = Callable[[int, int, str], None]  # so many hundredths of devices of so many are done; which one


class BacktestError(Exception):
    """Nothing was scored; the message says why and what would help."""


class Past(Protocol):
    """Where recorded rows come from."""

    def devices(self) -> list[KnownDevice]:
        """All devices."""

    def export(self, device: str, out: Path, *, form: Form, start_ns: int, end_ns: int, noted: bool = True) -> int:
        """Write a device's rows to a file."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be scored: devices by glob, rows of [start_ns, end_ns), after a lead-in that only warms."""

    devices: str = "*"
    start_ns: int = 0
    end_ns: int = 2**63 - 1
    lead_ns: int = 3600 * 1_000_000_000
    dry: bool = False


class Tested(msgspec.Struct, frozen=True):
    """What came of one device; `skipped` says why nothing did."""

    device: str
    rows: int = 0  # without those that lead in
    scored: int = 0  # rows with a score, once the model was warm
    over: int = 0  # of them at or over the threshold of the recipe
    from_ns: int | None = None
    to_ns: int | None = None
    alarms: tuple[Span, ...] = ()
    skipped: str = ""


class Report(msgspec.Struct, frozen=True):
    """What a backtest found; `live` is what rang at the time, judged by the same labels."""

    model: str
    version: int
    written: int  # scores written back
    devices: tuple[Tested, ...]
    tested: Tally
    live: Tally
    labels: int


def backtest(
    model: Model, past: Past, access: Access, config: Config, wish: Wish, *, told: Told = lambda *_: None
) -> Report:
    """Score what is wanted, device by device, and hold the alarms against labels. Raises BacktestError."""
    chosen = [each for each in past.devices() if fnmatchcase(each.device, wish.devices)]
    if not chosen:
        msg = f"no device fits {wish.devices!r}; there are {', '.join(each.device for each in past.devices()[:10])}"
        raise BacktestError(msg)
    found: list[Tested] = []
    written = 0
    for at, device in enumerate(chosen):
        told(100 * at, 100 * len(chosen), device.device)
        why = _unfit(model, device, wish)
        if why:
            found.append(Tested(device.device, skipped=why))
            continue
        bench = _Bench(model, device, config, max(wish.start_ns, device.first_ns))
        for part, share in bench.run(past, wish):
            told(100 * at + int(100 * share), 100 * len(chosen), device.device)
            written += _written(part, access) if not wish.dry else 0
        found.append(bench.ended())
    told(100 * len(chosen), 100 * len(chosen), "")
    judged = [each for each in found if each.scored]
    if not judged:
        msg = "; ".join(f"{each.device}: {each.skipped or 'no row could be scored'}" for each in found)
        raise BacktestError(msg)
    labels = [label for each in judged for label in row_labels(access, each.device)]
    rang = [_span(alarm, each) for each in judged for alarm in access.alarms(each.device) if _of_model(alarm)]
    live = [alarm for alarm in rang if any(alarm.meets(_whole(each)) for each in judged)]
    return Report(
        model=model.detector.name,
        version=model.detector.version,
        written=written,
        devices=tuple(found),
        tested=_tally([alarm for each in judged for alarm in each.alarms], labels, judged),
        live=_tally(live, labels, judged),
        labels=len(labels),
    )


def _written(part: Backtested, access: Access) -> int:
    """Bring scores home; how many rows have one."""
    access.give(part)
    return int((~np.isnan(np.frombuffer(part.scores.score, "<f4"))).sum())


def _unfit(model: Model, device: KnownDevice, wish: Wish) -> str:
    """Why a device is not scored; "" if it is."""
    detector = model.detector
    if detector.channels and lacks(detector, device.channels):
        absent = [name for name in detector.channels if name not in device.channels]
        return f"it lacks {len(absent)} of the model's {len(detector.channels)} channels: {', '.join(absent[:5])}"
    if max(wish.start_ns, device.first_ns) >= min(wish.end_ns, device.last_ns + 1):
        return "it has no rows in that time"
    return ""


class _Bench:
    """The very core at work on one device of its own, whose rows come with their own times."""

    def __init__(self, model: Model, device: KnownDevice, config: Config, start_ns: int) -> None:
        detector = model.detector
        rule = DeviceRule(match="*", model=detector.name)
        alone = msgspec.structs.replace(config, devices=(*config.devices, rule), procedures=(), models=())
        self._core = Core(alone, Shelf([detector]))
        self._state = self._core.cold()
        self._detector = detector
        self._limit = model.recipe.decision.threshold
        self._device = device
        self._start_ns = start_ns
        self._seq = self._rows = self._scored = self._over = self._newest_ns = 0
        self._alarms: dict[str, Alarm] = {}

    def run(self, past: Past, wish: Wish) -> Iterator[tuple[Backtested, float]]:
        """Work on the wanted rows after their lead-in; gives scores, and the share of the time that is done."""
        end_ns = min(wish.end_ns, self._device.last_ns + 1)
        begin_ns = max(self._device.first_ns, self._start_ns - wish.lead_ns)
        for t_ns, channels, values in _pieces(past, self._device, begin_ns, end_ns):
            share = (int(t_ns[0]) - begin_ns) / (end_ns - begin_ns)
            for part in self.take(t_ns, channels, values):
                yield part, share

    def take(self, t_ns: I64, channels: tuple[str, ...], values: F64) -> Iterator[Backtested]:
        """Work on rows in time order; gives the scores of those that are no lead-in."""
        for begin in range(0, len(t_ns), STEP_ROWS):
            cut = slice(begin, begin + STEP_ROWS)
            times, cells = t_ns[cut].astype("<i8").tobytes(), values[cut].astype("<f8").tobytes()
            frame = Frame(self._device.device, channels, times, cells, "f8", own_times=True)
            self._seq += 1
            self._newest_ns = int(t_ns[cut][-1])
            batch = Batch(EDGE, LANE, self._seq, max(self._newest_ns, 0), frames=(frame,))
            self._state, outcomes = self._core.step(self._state, [(self._seq, batch)])
            self._rows += int(np.count_nonzero(t_ns[cut] >= self._start_ns))  # what leads in is not tested
            for outcome in outcomes.outcomes:
                if isinstance(outcome, Scores) and outcome.model == self._detector.name:
                    yield from self._given(outcome)
                elif isinstance(outcome, Alarm) and outcome.model == self._detector.name:
                    self._alarms[outcome.id] = outcome

    def ended(self) -> Tested:
        """What came of it; an alarm that stands at the end stands to the end."""
        spans = [
            Span(self._device.device, alarm.onset_ns, self._newest_ns if alarm.active else alarm.changed_ns)
            for alarm in self._alarms.values()
        ]
        return Tested(
            device=self._device.device,
            rows=self._rows,
            scored=self._scored,
            over=self._over,
            from_ns=self._start_ns,
            to_ns=self._newest_ns,
            alarms=tuple(span for span in spans if span.to_ns >= self._start_ns),
        )

    def _given(self, part: Scores) -> Iterator[Backtested]:
        """Scores as inputs of bounded size, for the edge that the device belongs to."""
        width, at = len(part.channels), _after(part, self._start_ns)
        score = np.frombuffer(part.score, "<f4")[at:]
        self._scored += int((~np.isnan(score)).sum())
        self._over += int((score >= self._limit).sum())
        rows = len(part.t_ns) // 8
        step = max(1, GIVEN_BYTES // (12 + 4 * width))
        for begin in range(at, rows, step):
            end = min(begin + step, rows)
            cut = msgspec.structs.replace(
                part,
                edge=self._device.edge,
                t_ns=part.t_ns[8 * begin : 8 * end],
                score=part.score[4 * begin : 4 * end],
                contributions=part.contributions[4 * width * begin : 4 * width * end],
                version=self._detector.version,
                role="backtest",
            )
            told = hashlib.sha256(msgspec.msgpack.encode(cut)).hexdigest()[:32]
            yield Backtested(told, self._device.edge, cut)


def _after(part: Scores, start_ns: int) -> int:
    """The first row of scores that is not of the lead-in."""
    return int(np.searchsorted(np.frombuffer(part.t_ns, "<i8"), start_ns))


def _pieces(past: Past, device: KnownDevice, begin_ns: int, end_ns: int) -> Iterator[tuple[I64, tuple[str, ...], F64]]:
    """A device's rows in pieces that fit into memory."""
    step_ns = PIECE_NS
    if device.rows:
        step_ns = max(1, (device.last_ns - device.first_ns + 1) * PIECE_ROWS // device.rows)
    with tempfile.TemporaryDirectory(prefix="tocsin-backtest-") as folder:
        out = Path(folder) / "rows.parquet"
        for start_ns in range(begin_ns, end_ns, step_ns):
            until_ns = min(start_ns + step_ns, end_ns)
            if past.export(device.device, out, form="parquet", start_ns=start_ns, end_ns=until_ns, noted=False):
                table = pyarrow.parquet.read_table(out)
                channels = tuple(name for name in table.column_names if name != "time")
                columns = [table[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in channels]
                yield table["time"].cast("int64").to_numpy(), channels, np.column_stack(columns)


def _tally(alarms: Sequence[Span], labels: Sequence[Said], judged: Sequence[Tested]) -> Tally:
    spans = {
        meaning: [_of(label) for label in labels if label.meaning == meaning and _inside(label, judged)]
        for meaning in ("anomaly", "maintenance", "normal")
    }
    return tally(
        alarms,
        events=spans["anomaly"],
        maintenance=spans["maintenance"],
        normal=spans["normal"],
        span_ns=sum((each.to_ns or 0) - (each.from_ns or 0) for each in judged),
    )


def _inside(label: Said, judged: Sequence[Tested]) -> bool:
    return any(_of(label).meets(_whole(each)) for each in judged)


def _of(label: Said) -> Span:
    return Span(label.device, label.from_ns, label.to_ns)


def _whole(tested: Tested) -> Span:
    return Span(tested.device, tested.from_ns or 0, tested.to_ns or 0)


def _of_model(alarm: Rang) -> bool:
    return bool(alarm.model) and alarm.rule in set(RULES_OF.values())


def _span(alarm: Rang, tested: Tested) -> Span:
    """What stands still stands to the end of what was looked at."""
    to_ns = max(alarm.changed_ns, tested.to_ns or 0) if alarm.state in _STANDING else alarm.changed_ns
    return Span(alarm.device, alarm.onset_ns, to_ns)
