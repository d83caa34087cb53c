"""What early stops saved and how many were wrong, as far as runs tell that were tested to the end; pure.

A run that was stopped never says whether it would have passed. Two kinds of runs do: those of the time in shadow, when
no bench was told, and the control runs, a share of all by the digest of their id, which are tested to the end whatever
is thought of them. Of their would-be stops the share that passed says how many of the stops that were told were wrong.
How often a good unit is stopped is read from control runs, and from the others as far as they were over before the
first run that was stopped began: what is left of later ones has lost the very runs that were stopped. A bench that was
told and went on is counted apart: it saved nothing, and who overrules a stop does not do so at random. A bench that
stopped ends the run as aborted, or as failed with no step more.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
from scipy.special import betaincinv, betaln, gammaln

from wire.config import Costs
from wire.messages import Run, Step

LEVEL = 0.95  # of every interval here
_TESTED = ("pass", "fail")
_HOUR_S = 3600.0


class Rate(msgspec.Struct, frozen=True):
    """`count` of `of`, with the interval of Clopper and Pearson; no value where nothing was counted."""

    count: int
    of: int
    value: float | None
    low: float
    high: float


class Amount(msgspec.Struct, frozen=True):
    """An estimate with its interval."""

    value: float
    low: float
    high: float


class Savings(msgspec.Struct, frozen=True):
    """Of the runs of one procedure. What `would` begins with is of would-be stops of runs that were tested to the end.

    Costs are what stopping saves of bench time and of bad units passed on, less the good units that were stopped.
    """

    runs: int
    states: dict[str, int]
    told: int  # runs of which the bench was told to stop, and stopped
    ignored: int  # of which it was told, and went on to the end
    saved_s: float
    saved_cost: Amount | None  # None: nothing was told, or nothing is known of wrong stops
    told_wrong: Amount | None  # good units among those stopped
    would: int
    would_saved_s: float
    would_saved_cost: float
    wrong: Rate  # good units among would-be stops
    false_stop: Rate  # would-be stops among good units
    measured_on: str  # the runs that `false_stop` is of: "control", "shadow", or both


def savings(runs: Sequence[Run], costs: Costs) -> Savings:
    """What was saved in these runs of one procedure, and at what price."""
    told = [run for run in runs if run.stopped_at and run.state != "running"]
    followed = [run for run in told if run.state not in _TESTED or _last(run) == run.stopped_at]
    tested = [run for run in runs if run.state in _TESTED and not run.stopped_at]
    would = [run for run in tested if run.would_stop_at]
    first_ns = min((run.started_ns for run in runs if run.stopped_at), default=None)
    called = [run for run in tested if run.model]  # before a model nobody asked
    control = [run for run in called if run.control]
    shadow = [run for run in called if not run.control and (first_ns is None or run.ended_ns < first_ns)]
    wrong = rate(sum(run.state == "pass" for run in would), len(would))
    saved_s = sum(run.saved_s or 0.0 for run in followed)
    would_s = sum(run.saved_s or 0.0 for run in would)
    missed = among(len(followed), wrong) if wrong.of else None
    good = [run for run in (*control, *shadow) if run.state == "pass"]
    return Savings(
        runs=len(runs),
        states=dict(Counter(str(run.state) for run in runs)),
        told=len(followed),
        ignored=len(told) - len(followed),
        saved_s=saved_s,
        saved_cost=_saved(saved_s, len(followed), missed, costs) if missed is not None and followed else None,
        told_wrong=missed if followed else None,
        would=len(would),
        would_saved_s=would_s,
        would_saved_cost=_cost(would_s, len(would), wrong.count, costs),
        wrong=wrong,
        false_stop=rate(sum(bool(run.would_stop_at) for run in good), len(good)),
        measured_on="shadow" if first_ns is None else "control and shadow" if shadow else "control",
    )


def rate(count: int, of: int) -> Rate:
    """A share with the exact interval of Clopper and Pearson, Biometrika 26 (1934).

    >>> rate(1, 50).value, round(rate(1, 50).low, 4), round(rate(1, 50).high, 4)
    (0.02, 0.0005, 0.1065)
    >>> rate(0, 0)
    Rate(count=0, of=0, value=None, low=0.0, high=1.0)
    """
    tail = (1 - LEVEL) / 2
    low = float(betaincinv(count, of - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - tail)) if count < of else 1.0
    return Rate(count, of, count / of if of else None, low, high)


def among(stops: int, wrong: Rate) -> Amount:
    """How many of so many stops were wrong, where of others so many were.

    The interval is that of the number itself, which varies also where the rate is known well: the beta-binomial
    distribution after Jeffreys' prior.

    >>> among(10, rate(4, 40))
    Amount(value=1.0, low=0.0, high=4.0)
    """
    value = stops * wrong.count / wrong.of
    hits, a, b = np.arange(stops + 1), wrong.count + 0.5, wrong.of - wrong.count + 0.5
    ways = gammaln(stops + 1) - gammaln(hits + 1) - gammaln(stops - hits + 1)
    below = np.cumsum(np.exp(ways + betaln(hits + a, stops - hits + b) - betaln(a, b)))
    low, high = (min(stops, int(np.searchsorted(below, share))) for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Amount(value, min(value, float(low)), max(value, float(high)))


def _last(run: Run) -> str:
    """The step that ended last."""
    return max((step for step in run.steps if step.ended_ns), key=lambda step: step.ended_ns, default=Step("")).name


def _saved(seconds: float, stops: int, wrong: Amount, costs: Costs) -> Amount:
    # More wrong stops save less, so the ends change places.
    ends = (_cost(seconds, stops, count, costs) for count in (wrong.value, wrong.high, wrong.low))
    return Amount(*ends)


def _cost(seconds: float, stops: int, wrong: float, costs: Costs) -> float:
    kept = (stops - wrong) * costs.escape_share * costs.pass_bad
    return seconds / _HOUR_S * costs.bench_hour + kept - wrong * costs.scrap_good
