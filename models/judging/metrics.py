"""How good calls were: pure functions over single rows or units, never point-adjusted."""

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from models.arrays import F64, I64

Call = Callable[[I64], float | None]
LATE_CYCLES, EARLY_CYCLES = 10.0, 13.0  # PHM08: what a life is overestimated by costs more


class Confusion(msgspec.Struct, frozen=True):
    """Rows or units, or the sums of their weights, by what was called and what was so."""

    tp: float
    fp: float
    tn: float
    fn: float

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); 0 where nothing is flagged and nothing should be."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn) or 0.0

    @property
    def far(self) -> float | None:
        """False-alarm rate: normal rows that were flagged."""
        return _share(self.fp, self.fp + self.tn)

    @property
    def mar(self) -> float | None:
        """Missed-alarm rate: anomalous rows that were not flagged."""
        return _share(self.fn, self.fn + self.tp)

    @property
    def fdr(self) -> float | None:
        """Fault detection rate: anomalous rows that were flagged."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def precision(self) -> float | None:
        """Flagged rows that were anomalous."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def ber(self) -> float | None:
        """Balanced error rate: the mean of false-alarm and missed-alarm rate."""
        return None if self.far is None or self.mar is None else (self.far + self.mar) / 2


def confusion(truth: npt.ArrayLike, flagged: npt.ArrayLike, weight: F64 | None = None) -> Confusion:
    """Count calls (n) against what was so (n), both 0 or 1, each as many times as it weighs (n).

    >>> found = confusion([0, 0, 1, 1, 1], [0, 1, 1, 1, 0])
    >>> found, round(found.f1, 3), found.far, round(found.mar, 3)
    (Confusion(tp=2, fp=1, tn=1, fn=1), 0.667, 0.5, 0.333)
    """
    so, called = np.asarray(truth, dtype=np.bool_), np.asarray(flagged, dtype=np.bool_)
    if weight is not None:
        four = ((so, called), (~so, called), (~so, ~called), (so, ~called))
        return Confusion(*(float(weight[one & other].sum()) for one, other in four))
    tp, fp = int((so & called).sum()), int((~so & called).sum())
    return Confusion(tp=tp, fp=fp, tn=int((~so).sum()) - fp, fn=int(so.sum()) - tp)


def all_ones_f1(truth: npt.ArrayLike, weight: F64 | None = None) -> float:
    """F1 of always ringing, which any detector has to be held against.

    >>> round(all_ones_f1([0, 0, 1]), 3)
    0.5
    """
    return confusion(truth, np.ones(np.shape(truth)), weight).f1


def roc_auc(truth: npt.ArrayLike, score: npt.ArrayLike, weight: F64 | None = None) -> float | None:
    """Chance that a random positive scores higher than a random negative, ties one half; None without both.

    Each is drawn as many times as it weighs (n).

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8]), roc_auc([0, 1, 1], [0.4, 0.4, 0.8], np.array([1.0, 1.0, 3.0]))
    (0.875, 0.875)
    """
    so, value = np.asarray(truth, dtype=np.bool_), _ranked(score)
    positives, negatives = int(so.sum()), int((~so).sum())
    if not positives or not negatives:
        return None
    _, place, count = np.unique(value, return_inverse=True, return_counts=True)
    if weight is not None:
        right, wrong = np.bincount(place, weight * so), np.bincount(place, weight * ~so)
        beaten = np.cumsum(wrong) - wrong / 2
        return float((right * beaten).sum() / (right.sum() * wrong.sum()))
    rank = np.cumsum(count) - (count - 1) / 2  # of tied values, their mean, from 1
    above = float(rank[place][so].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def average_precision(truth: npt.ArrayLike, score: npt.ArrayLike, weight: F64 | None = None) -> float | None:
    """Sum over distinct scores, high to low, of (recall gained) x precision; None without a positive.

    Each counts as many times as it weighs (n).

    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    so, value = np.asarray(truth, dtype=np.bool_), _ranked(score)
    if not so.any():
        return None
    order = np.argsort(-value, kind="stable")
    last = np.append(value[order][1:] != value[order][:-1], True)
    if weight is not None:
        hits, flagged = np.cumsum((weight * so)[order])[last], np.cumsum(weight[order])[last]
        return float((np.diff(hits, prepend=0.0) * hits / flagged).sum() / hits[-1])
    hits = np.cumsum(so[order])[last]
    flagged = np.flatnonzero(last) + 1
    gained = np.diff(hits, prepend=0) / so.sum()
    return float((gained * hits / flagged).sum())


def events(flags: npt.ArrayLike) -> list[tuple[int, int]]:
    """Runs of ones as (first, end) rows, the end not included.

    >>> events([0, 1, 1, 0, 1])
    [(1, 3), (4, 5)]
    """
    edge = np.diff(np.concatenate([[0], np.asarray(flags, dtype=np.int8), [0]]))
    first, end = np.flatnonzero(edge == 1).tolist(), np.flatnonzero(edge == -1).tolist()
    return list(zip(first, end, strict=True))


def events_found(truth: npt.ArrayLike, flagged: npt.ArrayLike) -> tuple[int, int]:
    """How many events of one stretch had at least one flagged row, and how many there were.

    >>> events_found([0, 1, 1, 0, 1], [1, 0, 1, 0, 0])
    (1, 2)
    """
    called = np.asarray(flagged, dtype=np.bool_)
    found = [bool(called[first:end].any()) for first, end in events(truth)]
    return sum(found), len(found)


def rmse(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Root of the mean square error.

    >>> rmse([10, 20], [13, 24]) == 12.5 ** 0.5
    True
    """
    return float(np.sqrt(np.mean((np.asarray(predicted) - np.asarray(truth)) ** 2)))


def mae(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Mean absolute error.

    >>> mae([10, 20], [13, 24])
    3.5
    """
    return float(np.mean(np.abs(np.asarray(predicted) - np.asarray(truth))))


def s_score(truth: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """The PHM08 score (Saxena et al. 2008): the sum of exp(d/10) - 1 for late, of exp(-d/13) - 1 for early ones.

    Infinite where an error is beyond all bounds.

    >>> round(s_score([100, 100], [110, 87]), 4) == round(2 * 2.718281828 - 2, 4)
    True
    """
    d = np.asarray(predicted, dtype=np.float64) - np.asarray(truth, dtype=np.float64)
    with np.errstate(over="ignore"):
        return float(np.expm1(np.where(d < 0, -d / EARLY_CYCLES, d / LATE_CYCLES)).sum())


def coverage(truth: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike) -> float:
    """Share of what was so that lies between low and high, both included.

    >>> coverage([1, 2, 3, 4], [0, 0, 0, 0], [1, 2, 2, 2])
    0.5
    """
    so = np.asarray(truth)
    return float(((np.asarray(low) <= so) & (so <= np.asarray(high))).mean())


def interval(
    call: Call, groups: npt.ArrayLike, *, seed: int = 0, rounds: int = 500, share: float = 0.95
) -> tuple[float, float] | None:
    """Where a figure lies in `share` of draws of whole groups with replacement (Efron 1979); None if it cannot be told.

    `call` computes the figure from the places of rows, or says None; `groups` (n) names the group of each row. Rows
    that weigh are drawn as often as others and bring their weight: how many heavy ones come is part of what varies.
    """
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 5:  # noqa: PLR2004 -- fewer cannot be drawn from
        return None
    order = np.argsort(place, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(place[order])) + 1)
    rng = np.random.default_rng(seed)
    drawn = [call(np.concatenate([rows[at] for at in rng.integers(len(rows), size=len(rows))])) for _ in range(rounds)]
    known = [value for value in drawn if value is not None]
    if len(known) < rounds / 2:
        return None
    low, high = np.quantile(known, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _ranked(score: npt.ArrayLike) -> F64:
    """Scores with rows that have none below all others."""
    value = np.asarray(score, dtype=np.float64)
    return np.where(np.isnan(value), -np.inf, value)
