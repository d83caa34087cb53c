"""What a gate says of candidates while a champion's stops are obeyed: each run that has an end once, or as it weighs.

Units whose true chances are known: two models each measure a normal value, so that log odds are linear in it and true,
and err apart. The champion stops 2 % of the passing units and most of the failing ones; control runs alone, one in
twenty, say how those would have ended. A candidate is judged on what is left, and on all runs, as nobody could.
"""

import sys
from collections.abc import Mapping

import msgspec
import numpy as np

from benchmarks.report import Figure, figure, table
from models.arrays import F64, Bools
from models.contract import Scored
from models.judging.evaluation import evaluation
from models.judging.gate import Evidence, gate
from models.judging.pairing import Side
from models.recipe import parse
from models.scoring import Judged
from models.table import Stretch

RECIPE = parse("""
task = "outcome"
estimator = { kind = "early" }
calibration = { false_alarm_rate = 0.02 }
[columns]
unit_rows = true
""")
CLASSES = ("pass", "fail")
SHARE = 0.05  # of runs that are control runs
FAIL = 0.12
APART = 2.8  # means of what is measured of passing and failing units, in its standard deviations
REACH = 2.054  # beyond which 2 % of passing units lie
USUAL = float(np.log(FAIL / (1 - FAIL)))
CANDIDATES: Mapping[str, float] = {"as_good": APART, "worse": 2.4, "much_worse": 2.0}
WAYS = ("all", "weighed", "once")
SEEDS = 20


class Hall(msgspec.Struct, frozen=True):
    """Units, n: which failed, what each model could hear of it, which were stopped and which have an outcome."""

    failed: Bools
    champion: F64  # log odds
    candidate: F64
    control: Bools

    @property
    def called(self) -> Bools:
        """By the champion."""
        return self.champion >= odds(np.float64(REACH), APART)

    @property
    def known(self) -> Bools:
        """Which have an outcome."""
        return ~self.called | self.control

    @property
    def weight(self) -> F64:
        """What each stands for."""
        return np.where(self.called, 1.0 / SHARE, 1.0)

    def sides(self, way: str) -> tuple[Side, Side]:
        """Candidate and champion, each on all units, or on those that have an outcome."""
        rows = np.ones_like(self.failed) if way == "all" else self.known
        weight = self.weight[rows] if way == "weighed" else None
        failed = self.failed[rows]
        return side(self.candidate[rows], failed, weight), side(self.champion[rows], failed, weight)


def odds(measured: F64 | np.float64, apart: float) -> F64:
    """Log odds of failing, of a measurement that is 0 +- 1 of passing units and `apart` +- 1 of failing ones."""
    return np.asarray(USUAL + apart * (measured - apart / 2))


def hall(seed: int, count: int = 3000, *, apart: float = APART) -> Hall:
    """`apart`: how well the candidate hears; as well as the champion, if nothing is said."""
    rng = np.random.default_rng(seed)
    failed = rng.random(count) < FAIL
    measured = rng.normal(size=(2, count))
    champion, candidate = (odds(one + far * failed, far) for one, far in zip(measured, (APART, apart), strict=True))
    return Hall(failed, champion, candidate, rng.random(count) < SHARE)


def side(value: F64, failed: Bools, weight: F64 | None = None) -> Side:
    """What a model with these log odds says of units; it stops those whose odds lie beyond the champion's limit."""
    chance = 1.0 / (1.0 + np.exp(-value))
    scores = np.exp(value - odds(np.float64(REACH), APART)).astype(np.float32)
    none, judged = np.zeros(1, dtype=np.bool_), []
    for at, score in enumerate(scores.reshape(-1, 1)):
        mine = None if weight is None else weight[at : at + 1]
        stretch = Stretch(f"u{at}", np.array([at]), np.zeros((1, 1)), np.array([float(failed[at])]), mine)
        outlook = np.array([[1.0 - chance[at], chance[at]]], dtype=np.float32)
        judged.append(Judged(stretch, Scored(np.zeros(1), score, score[:, None], 1.0, none, outlook), score >= 1.0))
    return Side(judged, RECIPE, CLASSES)


def measure() -> list[Figure]:
    """By candidate and way: its average precision, what it gains on the champion, and how often the gate lets it in."""
    found: list[Figure] = []
    for name, apart in CANDIDATES.items():
        halls = [hall(seed, apart=apart) for seed in range(SEEDS)]
        for way in WAYS:
            each = np.array([_one(of, way) for of in halls])
            print(name, way, each.mean(axis=0).round(3), file=sys.stderr, flush=True)
            for at, what in enumerate(("ap", "gain", "far", "expected", "let_in")):
                found.append(figure(f"gate.stopped.{name}.{way}.{what}", float(each[:, at].mean()), "share"))
    return found


def _one(of: Hall, way: str) -> tuple[float, float, float, float, float]:
    new, old = of.sides(way)
    mine, theirs = (evaluation(one.judged, RECIPE, CLASSES, drawn=False).figures for one in (new, old))
    ruling = gate(Evidence(new, old))
    expected = next(check for check in ruling.checks if check.what == "expected failures")
    told = expected.sentence.removeprefix("it expected ").split()
    ap, before, far = (float(value or 0.0) for value in (mine["ap"], theirs["ap"], mine["far"]))
    return ap, ap - before, far, float(told[0]) / max(1.0, float(told[3])), float(ruling.passed)


if __name__ == "__main__":
    print(table(measure()))
