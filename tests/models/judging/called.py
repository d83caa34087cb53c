"""Units on benches whose true chances are known, tested while a champion stops what it calls: what is left, weighed."""

import msgspec
import numpy as np

from models.arrays import F64, Bools
from models.contract import Scored
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
SHARE = 0.05  # of runs that are control runs
FAIL = 0.12


APART = 2.8  # means of what is measured of passing and failing units, in its standard deviations
REACH = 2.054  # beyond which 2 % of passing units lie
USUAL = float(np.log(FAIL / (1 - FAIL)))


class Hall(msgspec.Struct, frozen=True):
    """Units, n: which failed, what each model could hear of it, which were stopped and which have an outcome."""

    failed: Bools
    champion: F64  # log odds that are true: measurements are normal, so chances are linear in them
    candidate: F64  # the same of another measurement, which errs elsewhere
    control: Bools

    @property
    def called(self) -> Bools:
        """By the champion: 2 % of the passing units and most of the failing ones."""
        return self.champion >= odds(np.float64(REACH), APART)

    @property
    def known(self) -> Bools:
        """Which have an outcome."""
        return ~self.called | self.control

    @property
    def weight(self) -> F64:
        """What each stands for."""
        return np.where(self.called, 1.0 / SHARE, 1.0)


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
    return Side(judged, RECIPE, ("pass", "fail"))
