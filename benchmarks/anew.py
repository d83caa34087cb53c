"""What to learn from after a drift: all there is, what came since, or all with what came since counting for more.

A pump gets another impeller and, days later, another worn bearing. Test benches get parts from another supplier, whose
units are as good. What is learnt soon after is asked about what follows. `python -m benchmarks.anew` prints each.
"""

import msgspec
import numpy as np

from benchmarks.bench import chances, head, recorded
from benchmarks.report import Figure, figure, table
from benchmarks.spared import LIGHT, part, weighed
from benchmarks.story.machine import RECIPE
from benchmarks.story.pump import BEGUN_NS, NAMES, life
from models.arrays import F64, Bools
from models.fitting.training import train
from models.recipe import changed, load, parse
from models.scoring import score
from models.table import Stretch, Table
from simulators.surroundings import DAY_NS
from tocsin.keeping.portions import MOST_WEIGHT

PUMPS = tuple(range(3, 13))  # seeds
HALLS = (504, 505, 506)
EVERY_NS = 60_000_000_000
WORN, REPAIRED, AGAIN, END = 9.5, 10.5, 18.0, 19.0  # days
HISTORY, SETTLED = 8.0, 4.0  # days that are learnt from; after the repair, from which on it is judged
WAITED = (0.5, 1.0, 2.0, 4.0)  # days after the repair
OLD, FRESH, LOOKED = 1_000, 1_200, 100  # runs: before, judged by, looked at when a drift is found
TESTED = (30, 60, 120)  # runs since the parts are others


class Machine(msgspec.Struct, frozen=True):
    """Of a model of a pump, on what follows."""

    over: float  # share of normal scores beyond the limit
    false_alarms: float  # in 3.5 days
    f1: float  # of rows in which it rings
    found_h: float  # after the wear began once more


class Bench(msgspec.Struct, frozen=True):
    """Of a model of test benches, on fresh runs with the new parts, all tested to the end."""

    brier: float  # after the last step
    false_stops: float  # share of passing units that would be stopped
    stops: float  # of failing ones


def measure() -> list[Figure]:
    """Means over the seeds."""
    found: dict[str, list[Machine | Bench]] = {}
    for seed in PUMPS:
        for name, machine in pump(seed).items():
            found.setdefault(f"anew.pump.{name}", []).append(machine)
    for seed in HALLS:
        for name, bench in hall(seed).items():
            found.setdefault(f"anew.bench.{name}", []).append(bench)
    return [
        figure(f"{name}.{each}", float(np.mean([getattr(one, each) for one in mine])), "h" if each == "found_h" else "")
        for name, mine in found.items()
        for each in mine[0].__struct_fields__
    ]


def pump(seed: int) -> dict[str, Machine]:
    """By how long was waited and what was learnt."""
    day, values = _lived(seed)
    usual = (day < WORN) | (day >= REPAIRED)
    found = {}
    for waited in WAITED:
        known = usual & (day < REPAIRED + waited) & (day >= REPAIRED + waited - HISTORY)
        for way, rows in {"all": known, "since": known & (day >= REPAIRED)}.items():
            model = train(parse(RECIPE), _table(day[rows], values[rows])).model
            later = day >= REPAIRED + SETTLED
            (judged,) = score(model, _table(day[later], values[later]))
            found[f"{waited:g}d.{way}"] = _machine(day[later], judged.scored.score.astype(np.float64), judged.alarm)
            print(f"pump {seed}, {waited:g} d, {way}: {found[f'{waited:g}d.{way}']}", flush=True)
    return found


def _lived(seed: int) -> tuple[F64, F64]:
    """Days since it began and rows, while it runs."""
    blocks = []
    for t_ns, values in life(seed=seed, every_ns=EVERY_NS, worn=WORN, repaired=REPAIRED, again=AGAIN):
        blocks.append(((t_ns - BEGUN_NS) / DAY_NS, values))
        if blocks[-1][0][-1] > END:
            break
    day, rows = np.concatenate([each for each, _ in blocks]), np.concatenate([each for _, each in blocks])
    runs = (rows[:, NAMES.index("current")] > 0.5) & (day < END)
    return day[runs], rows[runs]


def _table(day: F64, rows: F64) -> Table:
    return Table(NAMES, (Stretch("pump", BEGUN_NS + (day * DAY_NS).astype(np.int64), rows),))


def _machine(day: F64, scores: F64, rings: Bools) -> Machine:
    wear = day >= AGAIN
    hit, false, missed = (int(np.sum(each)) for each in (rings & wear, rings & ~wear, ~rings & wear))
    return Machine(
        over=float(np.mean(scores[~wear & np.isfinite(scores)] >= 1.0)),
        false_alarms=float(np.sum(np.diff(rings[~wear].astype(np.int64)) == 1)),
        f1=2 * hit / (2 * hit + false + missed),
        found_h=24.0 * float(day[rings & wear][0] - AGAIN) if hit else float("nan"),
    )


def hall(seed: int) -> dict[str, Bench]:
    """By how many runs there are with the new parts and what was learnt; what is looked at counts as new."""
    both = recorded(seed, OLD + max(TESTED), supplier_at=OLD)
    fresh = recorded(seed + 100, FRESH, both.columns, supplier_at=0)
    place, found = np.arange(len(both.rows)), {}
    for count in TESTED:
        known = part(both, place < OLD + count)
        since = place[: OLD + count] >= OLD + min(0, count - LOOKED)
        ratio = (~since).sum() / since.sum()
        ways = {"all": 1.0, "more": min(MOST_WEIGHT, ratio), "even": ratio}
        for way, times in ways.items():
            rows = known.table() if way == "all" else weighed(known, np.where(since, times, 1.0))
            model = train(changed(load("bench"), LIGHT), rows).model
            said = chances(model, fresh)[:, 1:]
            stopped = said.max(axis=1) >= head(model).odds.limit
            chance = 1.0 / (1.0 + np.exp(-said[:, -1]))
            found[f"{count}.{way}"] = Bench(
                brier=float(np.mean((chance - fresh.failed) ** 2)),
                false_stops=float(stopped[~fresh.failed].mean()),
                stops=float(stopped[fresh.failed].mean()),
            )
            print(f"benches {seed}, {count} runs, {way}: {found[f'{count}.{way}']}", flush=True)
    return found


if __name__ == "__main__":
    print(table(measure()))
