"""What early stops saved and how many were wrong, as far as runs tell whose end is known; pure.

A run that was stopped never says whether it would have passed. Two kinds of runs do: those of the time in shadow, when
no bench was told, and the control runs, a share of all by the digest of their id, which are tested to the end whatever
is thought of them. Of their would-be stops the share that passed says how many of the stops that were told were wrong.
How often a good unit is stopped is read from control runs, and from the others as far as they were over before the
first run that was stopped began: what is left of later ones has lost the very runs that were stopped. A bench that
stopped ends the run as aborted, or as failed with no step more; one that was told and went on saved nothing.

What people found out of stopped units, at their repair or because the bench went on, says whether those very stops were
wrong. It tells of the others only where nearly all were looked at (models.catalogue.outcomes): then they count like
control runs. Elsewhere who is looked at is no chance, a share among them would be anything, and so they are told apart;
but no estimate says less than was found, nor more than is left. Versions of a model stop different units and are never
counted together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
from scipy.special import betaincinv, betaln, gammaln

from models.catalogue.outcomes import TESTED, End, called_by, ends, followed, known_stops
from models.catalogue.outcomes import Stops as Known
from wire.config import Costs
from wire.messages import Label, Run

LEVEL = 0.95  # of every interval here
_HOUR_S = 3600.0
_Version = tuple[str, int]


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


class Stops(msgspec.Struct, frozen=True, kw_only=True):
    """Of the runs that one version called last. What `would` begins with is of would-be stops that were told to nobody.

    Costs are what stopping saves of bench time and of bad units passed on, less the good units that were stopped.
    """

    model: str
    version: int
    called: int  # runs
    told: int  # runs of which the bench was told to stop, and stopped
    ignored: int  # of which it was told, and went on to the end
    saved_s: float
    saved_cost: Amount | None  # None: nothing was told, or nothing is known of wrong stops
    told_wrong: Amount | None  # good units among those stopped
    looked_at: Rate  # good units among stops that were told and whose end was found out all the same
    would: int  # tested to the end
    would_saved_s: float
    would_saved_cost: float
    wrong: Rate  # good units among would-be stops
    false_stop: Rate  # would-be stops among good units
    measured_on: str  # the runs that `false_stop` is of: "control", "shadow", both, or "every run"


class Savings(msgspec.Struct, frozen=True):
    """Of the runs of one procedure: by version, newest first, and of the one in force."""

    runs: int
    states: dict[str, int]
    force: Stops
    versions: tuple[Stops, ...]

    @property
    def told(self) -> int:
        """Runs that were stopped, by whichever version."""
        return sum(each.told for each in self.versions)

    @property
    def saved_s(self) -> float:
        """Test time that this saved."""
        return sum(each.saved_s for each in self.versions)


def savings(
    runs: Sequence[Run], costs: Costs, labels: Iterable[Label] = (), *, force: _Version | None = None
) -> Savings:
    """What was saved in these runs of one procedure, and at what price.

    `labels`: of runs, those withdrawn among them; a run without one ended as its bench says. `force`: the model and
    version at work; else that of the newest run that was called.
    """
    end = ends(labels)
    of = _Whole(
        costs=costs,
        end=end,
        first_ns=min((run.started_ns for run in runs if run.stopped_at), default=None),
        known=known_stops(runs, lambda run: bool(end(run))),
    )
    mine: dict[_Version, list[Run]] = {}
    for run in sorted(runs, key=lambda run: -run.started_ns):
        if run.model:  # before a model nobody asked
            mine.setdefault(called_by(run), []).append(run)
    found = {version: _of_version(version, some, of) for version, some in mine.items()}
    now = force or next(iter(found), ("", 0))
    return Savings(
        runs=len(runs),
        states=dict(Counter(str(run.state) for run in runs)),
        force=found[now] if now in found else _of_version(now, [], of),
        versions=tuple(found.values()),
    )


class _Whole(msgspec.Struct, frozen=True):
    """What is known of all versions of a procedure."""

    costs: Costs
    end: End
    first_ns: int | None  # when the first run began that was stopped
    known: Mapping[_Version, Known]


def _of_version(version: _Version, runs: Sequence[Run], of: _Whole) -> Stops:
    end, costs, known = of.end, of.costs, of.known.get(version)
    told = [run for run in runs if run.stopped_at and run.state != "running"]
    obeyed = [run for run in told if followed(run)]
    looked_at = [run for run in told if end(run)]
    tested = [run for run in runs if not run.stopped_at and run.state in TESTED and end(run)]
    would = [run for run in tested if run.would_stop_at]
    stops = would if known is None else [*would, *looked_at]
    wrong = rate(sum(end(run) == "pass" for run in stops), len(stops))
    told_wrong = _wrong(obeyed, wrong, end) if obeyed else None
    control = [run for run in tested if run.control]
    shadow = [run for run in tested if not run.control and (of.first_ns is None or run.ended_ns < of.first_ns)]
    called = [*control, *shadow] if known is None else _until(known, [*tested, *looked_at], control)
    good = [run for run in called if end(run) == "pass"]
    saved_s = sum(run.saved_s or 0.0 for run in obeyed)
    would_s = sum(run.saved_s or 0.0 for run in would)
    ways = "shadow" if of.first_ns is None else "control and shadow" if shadow else "control"
    return Stops(
        model=version[0],
        version=version[1],
        called=len(runs),
        told=len(obeyed),
        ignored=len(told) - len(obeyed),
        saved_s=saved_s,
        saved_cost=_saved(saved_s, len(obeyed), told_wrong, costs) if told_wrong is not None else None,
        told_wrong=told_wrong,
        looked_at=rate(sum(end(run) == "pass" for run in looked_at), len(looked_at)),
        would=len(would),
        would_saved_s=would_s,
        would_saved_cost=cost(would_s, len(would), sum(end(run) == "pass" for run in would), costs),
        wrong=wrong,
        false_stop=rate(sum(bool(run.would_stop_at or run.stopped_at) for run in good), len(good)),
        measured_on=ways if known is None else "every run",
    )


def _until(known: Known, runs: Sequence[Run], control: Sequence[Run]) -> list[Run]:
    """All of the time whose stops are known, and the control runs of later."""
    early = [run for run in runs if run.started_ns <= known.until_ns]
    return [*early, *(run for run in control if run.started_ns > known.until_ns)]


def _wrong(stopped: Sequence[Run], wrong: Rate, end: End) -> Amount | None:
    """Good units among those stopped: those that were found, and of the others as many as among would-be stops."""
    ends = [end(run) for run in stopped]
    good, most = ends.count("pass"), len(ends) - ends.count("fail")
    if good == most:
        return Amount(good, good, good)
    if not wrong.of:
        return None
    found = among(len(stopped), wrong)
    return Amount(*(float(min(most, max(good, each))) for each in (found.value, found.low, found.high)))


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


def _saved(seconds: float, stops: int, wrong: Amount, costs: Costs) -> Amount:
    # More wrong stops save less, so the ends change places.
    found = (cost(seconds, stops, count, costs) for count in (wrong.value, wrong.high, wrong.low))
    return Amount(*found)


def cost(seconds: float, stops: int, wrong: float, costs: Costs) -> float:
    """What so many stops save that end so many seconds of testing, of which so many are wrong."""
    kept = (stops - wrong) * costs.escape_share * costs.pass_bad
    return seconds / _HOUR_S * costs.bench_hour + kept - wrong * costs.scrap_good
