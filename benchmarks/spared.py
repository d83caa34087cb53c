"""What a second training loses where stopped runs have no outcome, and what weights of control runs give back.

A model is learnt from simulated runs in shadow, then benches are told; by the call alone, which is the worst case. From
what is left of both times a second one is learnt, with the weights and without, and asked about fresh runs.
"""

from itertools import islice

import msgspec
import numpy as np

from benchmarks.bench import Tested, chances, head, recorded
from benchmarks.report import Figure, figure, table
from models.contract import F64, Bools
from models.fitting.training import train
from models.recipe import Recipe, changed, load
from models.table import Table
from models.trained import Trained
from simulators.bench import runs
from stream.benches.control import whole

SHADOW, TOLD, FRESH = 1_500, 3_000, 1_500
SHARE = 0.05
SEEDS = (501, 502, 503, 504)
TURNS = 50  # until what is stopped, and what stations remember of the others, agree
LIGHT = {"estimator.trees": 100, "estimator.looks": 7}  # of the recipe as shipped, so that it takes minutes
WAYS = ("weighed", "unweighed", "whole")


class Second(msgspec.Struct, frozen=True):
    """A second model on fresh runs: mean P(fail), in shares of those that fail, and who would be stopped."""

    begun: float  # mean P(fail) after the first step
    expected: float  # after all steps
    wrongly: float  # share of passing units
    rightly: float  # share of failing units


def measure() -> list[Figure]:
    """By each seed; the figures are means."""
    found = {way: list[Second]() for way in WAYS}
    for seed in SEEDS:
        for way, second in lived(seed).items():
            found[way].append(second)
    return [
        figure(f"bench.second.{way}.{name}", float(np.mean([getattr(each, name) for each in found[way]])), "share")
        for way in WAYS
        for name in Second.__struct_fields__
    ]


def lived(seed: int) -> dict[str, Second]:
    """Of simulated runs."""
    both = recorded(seed, SHADOW + TOLD)
    names = [trial.run for trial in islice(runs(seed), SHADOW + TOLD)]
    control = np.array([whole(name, SHARE) for name in names])
    return seconds(changed(load("bench"), LIGHT), both, SHADOW, control, recorded(seed + 100, FRESH, both.columns))


def seconds(recipe: Recipe, units: Tested, shadow: int, control: Bools, fresh: Tested) -> dict[str, Second]:
    """Second models: of all runs, as if none had been stopped, and of those that have an outcome."""
    late = np.arange(len(units.rows)) >= shadow
    would = late & called(train(recipe, part(units, ~late).table()).model, units, late & ~control)
    left = ~would | control
    weight = np.where(would & control, 1.0 / SHARE, 1.0)
    tables = {
        "weighed": weighed(part(units, left), weight[left]),
        "unweighed": part(units, left).table(),
        "whole": units.table(),
    }
    found = {}
    for way, rows in tables.items():
        found[way] = judged(train(recipe, rows).model, fresh)
        print(f"{way}: {found[way]}", flush=True)
    return found


def called(model: Trained, units: Tested, stoppable: Bools) -> Bools:
    """Who is called after any step, n. A station remembers nothing of those that are stopped on it."""
    stop = np.zeros(len(units.rows), dtype=np.bool_)
    for _ in range(TURNS):
        found = chances(model, units, ~stop)
        now = found[:, 1:].max(axis=1) >= head(model).odds.limit
        if (stop == (now & stoppable)).all():
            return np.asarray(now)
        stop = now & stoppable
    msg = "who is stopped did not settle"
    raise RuntimeError(msg)


def judged(model: Trained, units: Tested) -> Second:
    """What a model says of fresh units that are all tested to the end."""
    found = chances(model, units, np.ones(len(units.rows), dtype=np.bool_))
    stopped = found[:, 1:].max(axis=1) >= head(model).odds.limit
    chance = 1.0 / (1.0 + np.exp(-found[:, 1:]))
    return Second(
        begun=float(chance[:, 0].mean() / units.failed.mean()),
        expected=float(chance.mean() / units.failed.mean()),
        wrongly=float(stopped[~units.failed].mean()),
        rightly=float(stopped[units.failed].mean()),
    )


def part(units: Tested, chosen: Bools) -> Tested:
    """Some of the units."""
    rows = {name: getattr(units, name)[chosen] for name in ("rows", "station", "t_ns", "failed", "doomed", "seconds")}
    return msgspec.structs.replace(units, **rows)


def weighed(units: Tested, weight: F64) -> Table:
    """The table of units that stand for others."""
    plain = units.table()
    stations = np.unique(units.station)
    stretches = [
        msgspec.structs.replace(stretch, weight=weight[units.station == at])
        for stretch, at in zip(plain.stretches, stations, strict=True)
    ]
    return msgspec.structs.replace(plain, stretches=tuple(stretches))


if __name__ == "__main__":
    print(table(measure()))
