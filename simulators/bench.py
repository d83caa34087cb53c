"""Test benches: stations that push units through a procedure, some doomed early, some by a station that drifts."""

import heapq
from collections import deque
from collections.abc import Iterator

import numpy as np

from simulators.chance import Chance
from simulators.disorder import ORDERLY, Disorder, steps, told
from simulators.procedure import QUANTITIES, Procedure, changed
from simulators.servo import SERVO
from simulators.station import PRESS, Station
from simulators.surroundings import HOUR_NS, SECOND_NS
from simulators.trial import Test, Trial, events
from simulators.unit import Unit, unit
from wire.messages import RunEnded, RunEvent, RunStarted, StepEnded

MONDAY_NS = 1_767_571_200 * SECOND_NS  # 2026-01-05
_HANDLING_S = (40.0, 180.0)  # between two units


def runs(
    seed: int,
    *,
    stations: int = 3,
    start_ns: int = MONDAY_NS,
    disorder: Disorder = ORDERLY,
    changes_at: int | None = None,
    supplier_at: int | None = None,
    apart: float = 0.0,
) -> Iterator[Trial]:
    """Runs for ever, in the order in which they begin on all stations; the same seed gives the same runs.

    From run `changes_at` on the procedure has another version, from run `supplier_at` on the parts come from another
    supplier: what is measured moves, and the units are as good. `apart`: spreads by which the gauges of one station
    differ from those of another, for good.
    """
    if stations < 1:
        msg = f"there has to be a station, got {stations}"
        raise ValueError(msg)
    lines = [_Line(seed, i, apart) for i in range(stations)]
    ready = [(start_ns + i * 97 * SECOND_NS, i) for i in range(stations)]
    number = 0
    while True:
        begin_ns, i = ready[0]
        version = SERVO if changes_at is None or number < changes_at else changed(SERVO)
        new = unit(seed, number, version, other_supplier=supplier_at is not None and number >= supplier_at)
        trial, next_ns = lines[i].test(number, new, version, disorder, begin_ns)
        heapq.heapreplace(ready, (next_ns, i))
        yield trial
        number += 1


class _Line:
    """One station, with those that have to come again."""

    def __init__(self, seed: int, place: int, apart: float) -> None:
        self._seed = seed
        self._chance = Chance(Chance(seed).seed(f"station {place}"))
        wear, made = (np.random.Generator(np.random.Philox(self._chance.seed(name))) for name in ("wear", "gauges"))
        gauges = sorted({quantity.gauge for quantity in QUANTITIES.values()})
        self._station = Station(
            f"bench-{place + 1}", wear, {gauge: apart * float(made.standard_normal()) for gauge in gauges}
        )
        self._again: deque[tuple[Unit, str]] = deque(maxlen=1)

    def test(
        self, number: int, new: Unit, procedure: Procedure, disorder: Disorder, begin_ns: int
    ) -> tuple[Trial, int]:
        """Test one unit: the run, and when the station is free for the next."""
        rng, odd = (np.random.Generator(np.random.Philox(self._chance.seed(f"{a} {number}"))) for a in ("run", "odd"))
        wear = self._station.wear
        subject, retest_of = self._again.popleft() if self._again else (new.pressed(wear.pressed, rng), "")
        air = 2.0 * float(self._chance.wander("air", np.array([begin_ns]), 3 * HOUR_NS)[0])
        test = Test(subject, wear, procedure, steps(procedure, disorder, odd), air=air, rng=rng)
        start = RunStarted(
            run=f"{self._seed}-{number:06d}",
            unit=subject.name,
            procedure=procedure.name,
            version=procedure.version,
            station=self._station.name,
            operator=f"shift-{1 + begin_ns // (8 * HOUR_NS) % 3}",
            retest_of=retest_of,
            t_ns=begin_ns,
            steps=procedure.names,
        )
        trial = _trial(test, subject, number, start, told(tuple(events(test, start)), disorder, odd))
        self._station.next(failed_by_wear=trial.kind.startswith("drift"))
        if trial.outcome == "fail" and odd.random() < disorder.retest:
            self._again.append((subject.retested(), trial.run))
        share = odd.uniform(0.3, 0.9) if odd.random() < disorder.overlapping else 1.0
        free_ns = begin_ns + int((trial.end_ns - begin_ns) * share)
        return trial, free_ns + int(rng.uniform(*_HANDLING_S) * SECOND_NS)


def _trial(test: Test, subject: Unit, number: int, start: RunStarted, said: tuple[RunEvent, ...]) -> Trial:
    ends = [event for event in said if isinstance(event, RunEnded)]
    ran = sum(isinstance(event, StepEnded) for event in said)
    doomed_at = test.doomed_at if test.doomed_at is None or test.doomed_at < ran else None
    return Trial(
        run=start.run,
        unit=subject.name,
        station=start.station,
        number=number,
        events=said,
        steps=tuple(step.name for _, step in test.taken[:ran]),
        seconds=tuple(test.seconds[:ran]),
        outcome=ends[0].outcome if ends else "",
        doomed_at=doomed_at,
        kind=_kind(test, subject),
    )


def _kind(test: Test, subject: Unit) -> str:
    """What was behind it: the unit's own trouble, or that of the station where it fails a sound unit."""
    if test.doomed is None or subject.defect or subject.sudden:
        return subject.kind
    return f"drift:{test.wear.gauge}" if test.wear.gauge not in {"", PRESS} else "sudden"
