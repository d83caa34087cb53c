"""Champion and candidate side by side, on the very runs that both were asked about live; pure.

Only runs count that were tested to the end whatever was thought of them: those of the time in shadow, and control runs.
Where benches are told to stop, the other runs have lost those that the champion stopped and no others, which would
speak for the candidate. Only runs count, too, after each step of which both were asked, in one version each: who comes
later stops later. What a candidate would have saved is what it would have saved had it been the champion.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np

from models.catalogue.outcomes import TESTED, called_by, ends
from models.runs.savings import LEVEL, Amount, Rate, cost, rate
from wire.config import Costs
from wire.messages import Candidate, Label, Run

DRAWS = 1000
FEWEST = 10  # runs that they differ on, before their difference has an interval


class Side(msgspec.Struct, frozen=True):
    """What one of the two would have done: stopped so many runs, of them good ones, of good and of bad units."""

    version: int
    would: int
    wrong: Rate  # good units among its stops
    false_stop: Rate  # its stops among good units
    missed: Rate  # those of bad units that it would have let go on to the end
    saved_s: float
    saved_cost: float  # of bench time and bad units passed on, less the good units that it would have stopped


class Comparison(msgspec.Struct, frozen=True):
    """Both versions of a model on the same runs. `silent`: of them the candidate said nothing after any step.

    `more` is what the candidate would have saved more than the champion, with the interval of a bootstrap over runs
    (Efron 1979), which keeps both words on a run together; None until they differ on FEWEST runs.
    """

    model: str
    runs: int
    silent: int
    differ: int  # runs that only one of them would have stopped, or each after another step
    champion: Side
    candidate: Side
    more: Amount | None
    measured_on: str  # "shadow", "control", or both


class _Stop(msgspec.Struct, frozen=True):
    """Where a run would have been stopped, and what that would have saved."""

    step: str
    saved_s: float


def compared(runs: Sequence[Run], costs: Costs, labels: Iterable[Label] = ()) -> Comparison | None:
    """How the versions compare that call the newest of these runs of one procedure; None where no candidate does.

    `labels`: of runs, those withdrawn among them; a run without one ended as its bench says.
    """
    newest = max((run for run in runs if run.model), key=lambda run: run.started_ns, default=None)
    if newest is None or newest.candidate is None:
        return None
    champion, version, end = called_by(newest), newest.candidate.version, ends(labels)
    first_ns = min((run.started_ns for run in runs if run.stopped_at), default=None)
    found = [
        (run, run.candidate, end(run))
        for run in runs
        if called_by(run) == champion
        and run.candidate is not None
        and (run.candidate.version, run.candidate.throughout) == (version, True)
        and not run.stopped_at
        and run.state in TESTED
        and (run.control or first_ns is None or run.ended_ns < first_ns)
    ]
    both = [(run, tried, state) for run, tried, state in found if state]
    mine = [_side(champion[1], both, _by_champion, costs), _side(version, both, _by_candidate, costs)]
    differ = sum(_step(_by_champion(each)) != _step(_by_candidate(each)) for each in both)
    gains = [_gain(_by_candidate(each), each[2], costs) - _gain(_by_champion(each), each[2], costs) for each in both]
    shadow = any(not run.control for run, _, _ in both)
    return Comparison(
        model=champion[0],
        runs=len(both),
        silent=sum(tried.p_fail is None for _, tried, _ in both),
        differ=differ,
        champion=mine[0],
        candidate=mine[1],
        more=_resampled(gains) if differ >= FEWEST else None,
        measured_on="shadow" if first_ns is None else "control and shadow" if shadow else "control",
    )


_Called = tuple[Run, Candidate, str]  # and how it ended: "pass" or "fail"
_By = Callable[[_Called], _Stop | None]


def _by_champion(of: _Called) -> _Stop | None:
    return _Stop(of[0].would_stop_at, of[0].saved_s or 0.0) if of[0].would_stop_at else None


def _by_candidate(of: _Called) -> _Stop | None:
    return _Stop(of[1].would_stop_at, of[1].saved_s or 0.0) if of[1].would_stop_at else None


def _step(stop: _Stop | None) -> str:
    return stop.step if stop else ""


def _gain(stop: _Stop | None, state: str, costs: Costs) -> float:
    """What a stop saves, of a unit that would have ended so."""
    return cost(stop.saved_s, 1, float(state == "pass"), costs) if stop else 0.0


def _side(version: int, both: Sequence[_Called], by: _By, costs: Costs) -> Side:
    stops = [(stop, each[2]) for each in both if (stop := by(each)) is not None]
    good, bad = (sum(each[2] == state for each in both) for state in TESTED)
    wrong = sum(state == "pass" for _, state in stops)
    return Side(
        version=version,
        would=len(stops),
        wrong=rate(wrong, len(stops)),
        false_stop=rate(wrong, good),
        missed=rate(bad - (len(stops) - wrong), bad),
        saved_s=sum(stop.saved_s for stop, _ in stops),
        saved_cost=sum(_gain(stop, state, costs) for stop, state in stops),
    )


def _resampled(gains: Sequence[float]) -> Amount:
    """Their sum, with the interval of a bootstrap: how many are drawn that are not 0, and which of those."""
    chance, some = np.random.default_rng(0), np.array([gain for gain in gains if gain])
    times = chance.binomial(len(gains), some.size / len(gains), size=DRAWS)
    picked = chance.choice(some, size=int(times.sum()))
    drawn = np.bincount(np.repeat(np.arange(DRAWS), times), weights=picked, minlength=DRAWS)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    total = float(sum(gains))
    return Amount(total, min(total, float(low)), max(total, float(high)))
