"""Whether a candidate may follow the champion: checks on what both say of the same rows; knows no registry, no clock.

Built-in demands: it speaks wherever the champion does; on labelled rows it is not worse; it does not ring much more
often; its limit and its chances hold what they promise; it is fast enough; it hears faults that were made. The recipe
may ask for more. What cannot be told for want of labels or time is said, and refuses nobody. Units that stand for
others count as many times in all that is told of units (models.judging.weighing).
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from models.arrays import Bools
from models.contract import Task
from models.judging.evaluation import EvaluationError, evaluation
from models.judging.metrics import events
from models.judging.pairing import Calls, Pair, Side, calls, mean, normal_rows, pairs, weeks
from models.judging.stops import Asked
from models.judging.weighing import named, rarity, surely_more, uneven
from models.scoring import Judged

SLACK = 0.02  # a figure from 0 to 1 may be worse by so much
MUCH = 0.1  # and by so much if that may be chance: the interval of the difference reaches to none
MORE, MORE_EVENTS = 1.5, 2  # it may ring so many times as often, or so many times more
CALMER = 4  # or as often as it likes, if it rings in so many times fewer rows
OVER = 3.0  # times the promised share of normal rows may lie above the limit
OFF = 3.0  # standard deviations between the failures that were expected and those that came
LEAST_ROWS_PER_S = 1000.0
LEAST_UNITS_PER_S = 20.0
HOUR_WEEKS = 1 / 168
CALM = 60  # rows before a made fault in which the champion must not ring for it to count
NAMED = 5
TWO = 2


class Check(msgspec.Struct, frozen=True):
    """One demand; `passed` None: it could not be told."""

    what: str
    passed: bool | None
    sentence: str
    value: float | None = None
    limit: float | None = None


class Ruling(msgspec.Struct, frozen=True):
    """What the checks come to."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """No demand was missed, and at least one could be told."""
        return all(check.passed is not False for check in self.checks) and any(check.passed for check in self.checks)

    @property
    def why(self) -> str:
        """What was missed, as sentences; "" if nothing was."""
        return "; ".join(check.sentence for check in self.checks if check.passed is False)


class Evidence(msgspec.Struct, frozen=True):
    """What candidate and champion say of the same rows in the same stretches; no champion: there is none yet.

    `made`: of rows with made faults, labelled so, where the task is to hear them.
    """

    candidate: Side
    champion: Side | None = None
    made: tuple[Side, Side] | None = None


def gate(evidence: Evidence) -> Ruling:
    """Rule on a candidate."""
    new, old = evidence.candidate, evidence.champion
    found: list[Check] = []
    if old is not None:
        found += [_speaks(new, old), *_figures(new, old)]
    found += [*_rings(new, old), *_calibrated(new, old), *_fast(new)]
    if evidence.made is not None:
        found += _hears(*evidence.made)
    return Ruling((*found, *_demanded(new)))


def _speaks(new: Side, old: Side) -> Check:
    """After a warm-up of its own, it has a score wherever the champion has one."""
    silent = 0
    for mine, other in zip(new.judged, old.judged, strict=True):
        said, wanted = ~np.isnan(mine.scored.score), ~np.isnan(other.scored.score)
        begins = int(said.argmax()) if said.any() else 0
        silent += int((wanted & ~said)[begins:].sum())
    passed = silent == 0
    words = "it speaks of every row that the champion speaks of"
    return Check(
        "speaks", passed, words if passed else f"it has no score for {silent} rows that the champion scores", silent, 0
    )


def _figures(new: Side, old: Side) -> Iterator[Check]:
    found = pairs(new, old)
    if not found:
        yield Check("labelled rows", None, "no row has a label: whether it finds what it should could not be told")
    for pair in found:
        yield _doubted(pair) if pair.contradicts else _not_worse(pair, f"{pair.what} on {pair.of}")


def _doubted(pair: Pair) -> Check:
    said = f"by the labels of {pair.of} the champion ranks worse than chance ({pair.what} {pair.old:.3g})"
    return Check("labels", passed=False, sentence=f"{said}: were they flipped?", value=pair.old, limit=0.5)


def _not_worse(pair: Pair, where: str) -> Check:
    lost = pair.better * (pair.old - pair.new) / (pair.old if pair.relative and pair.old else 1.0)
    by_chance = pair.between is not None and pair.between[1] >= 0
    passed = lost <= SLACK or (lost <= MUCH and by_chance)
    said = f"{where}: {pair.new:.3g}, the champion {pair.old:.3g}"
    if lost > SLACK:
        said += ", which may be chance" if passed else ": worse"
    return Check(pair.what, passed, said, pair.new, pair.old)


def _rings(new: Side, old: Side | None) -> Iterator[Check]:
    if new.recipe.task is Task.OUTCOME:
        return
    mine, rang = _unlabelled(new)
    span = weeks(new.judged)
    timed = span >= HOUR_WEEKS
    often = f"it rings {mine / span:.3g} times a week" if timed else f"it rings {mine} times"
    often += " where nothing is labelled odd"
    if old is None:
        yield Check("alarms", None, f"{often}; there is no champion to compare it with")
        return
    theirs, stood = _unlabelled(old)
    limit = max(theirs + MORE_EVENTS, MORE * theirs)
    calmer = rang * CALMER <= stood  # where the champion hardly stops, it rings but once
    passed = mine <= limit or calmer
    than = f"{theirs / span:.3g}" if timed else f"{theirs}"
    sentence = f"{often}, the champion {than}" + (", but for far longer" if calmer and mine > theirs else "")
    yield Check("alarms", passed, sentence if passed else f"{sentence}: too often", float(mine), float(limit))


def _unlabelled(side: Side) -> tuple[int, int]:
    """Ringing that no label of an anomaly touches: how often, and in how many rows."""
    count = rows = 0
    for one in side.judged:
        odd = ~normal_rows(one)
        for first, end in events(one.alarm):
            if not odd[first:end].any():
                count, rows = count + 1, rows + end - first
    return count, rows


def _calibrated(new: Side, old: Side | None) -> Iterator[Check]:
    rate = new.recipe.calibration.false_alarm_rate
    if new.recipe.task is Task.ANOMALY:
        mine, theirs = _over(new), _over(old) if old is not None else None
        if mine is None:
            return
        limit = max(OVER * rate, MORE * (theirs or 0.0))
        passed = mine <= limit
        said = f"{mine:.2%} of normal rows lie above its limit, {rate:.2%} were asked for"
        yield Check("share above the limit", passed, said if passed else f"{said}: more than {limit:.2%}", mine, limit)
    elif new.recipe.task is Task.OUTCOME and len(new.classes) == TWO:
        yield from _chances(new, rate)


def _over(side: Side) -> float | None:
    """Share of normal rows above the limit, but for those of a ringing that began with something odd."""
    over, count = 0, 0
    for one in side.judged:
        plain = normal_rows(one)
        for first, end in events(one.alarm):
            if not plain[first:end].all():
                plain[first:end] = False
        score = one.scored.score[plain]
        over += int((score >= side.recipe.decision.threshold).sum())
        count += int((~np.isnan(score)).sum())
    return over / count if count else None


def _chances(new: Side, rate: float) -> Iterator[Check]:
    """Of units: are chances what they say, and are units that pass stopped no more often than was promised."""
    found = calls(new)
    if found is None:
        return
    each = np.ones(len(found.failed)) if found.weight is None else found.weight
    expected, came = float((each * found.chance).sum()), float((each * found.failed).sum())
    off = _off(found, expected, came)
    said = f"it expected {expected:.1f} failures and {came:.0f} came"
    yield Check("expected failures", off <= OFF, said if off <= OFF else f"{said}: too far off", off, OFF)
    yield _brier(found)
    passing = ~found.failed
    if new.stops is not None:
        yield _stops(new.stops, rate)
    elif passing.any():
        yield _stops(Asked(found.stopped[passing], each[passing]), rate)


def _off(found: Calls, expected: float, came: float) -> float:
    """How many standard deviations lie between the failures that were expected and those that came."""
    if found.weight is not None:
        return abs(rarity(found.weight, found.chance, found.failed))
    return abs(came - expected) / max(float(np.sqrt((found.chance * (1 - found.chance)).sum())), 1e-9)


def _brier(found: Calls) -> Check:
    usual = mean(found.failed, found.weight)
    brier, plain = mean((found.chance - found.failed) ** 2, found.weight), usual * (1 - usual)
    passed, chance = brier <= max(plain * (1 + MUCH), 1e-6), ""
    if not passed and found.weight is not None:  # by how much a failure makes the chances better than the bare share
        passed = -rarity(2 * found.weight * (found.chance - usual), found.chance, found.failed) <= OFF
        chance = ", which may be chance"
    said = f"its chances are off by {brier:.3g} (Brier), those of knowing only the share of failures by {plain:.3g}"
    return Check("chances", passed, said + chance if passed else f"{said}: worse than knowing nothing", brier, plain)


def _stops(asked: Asked, rate: float) -> Check:
    weight = uneven(asked.weight)
    passed = surely_more(asked.stopped, asked.weight, rate) >= 0.01  # noqa: PLR2004 -- of a hundred gates of good models one may err
    said = f"it would stop {int(asked.stopped.sum())} of {named(len(asked.stopped), weight, 'units')} that pass"
    share = mean(asked.stopped, weight)
    said += f", {rate:.1%} were promised" if weight is None else f", {share:.1%} where {rate:.1%} were promised"
    return Check("wrong stops", passed, said if passed else f"{said}: too many", share, rate)


def _fast(new: Side) -> Iterator[Check]:
    if new.rows_per_s is None:
        return
    least = LEAST_UNITS_PER_S if new.recipe.task is Task.OUTCOME else LEAST_ROWS_PER_S
    passed = new.rows_per_s >= least
    said = f"it scores {new.rows_per_s:,.0f} rows a second, {least:,.0f} are asked for"
    yield Check("speed", passed, said, new.rows_per_s, least)


def _hears(new: Side, old: Side) -> Iterator[Check]:
    """Of made faults that the champion hears, and did not ring before, it must not miss many, nor most of a channel."""
    missed: dict[str, list[bool]] = {}
    for mine, other in zip(new.judged, old.judged, strict=True):
        odd = ~normal_rows(other)
        begin = int(odd.argmax())
        quiet = not _over_limit(other, old)[max(0, begin - CALM) : begin].any()
        if quiet and _over_limit(other, old)[odd].any():
            missed.setdefault(other.stretch.name, []).append(not _over_limit(mine, new)[odd].any())
    every = [each for channel in missed.values() for each in channel]
    if not every:
        yield Check("made faults", None, "the champion hears no made fault by itself: nothing to compare")
        return
    share = sum(every) / len(every)
    deaf = [name for name, each in missed.items() if len(each) >= TWO and sum(each) * TWO >= len(each)]
    said = f"it misses {sum(every)} of {len(every)} made faults that the champion hears"
    if deaf:
        said += f", most of those of {', '.join(deaf[:NAMED])}"
    yield Check("made faults", share <= MUCH and not deaf, said, share, MUCH)


def _over_limit(one: Judged, side: Side) -> Bools:
    over: Bools = np.nan_to_num(one.scored.score, nan=-np.inf) >= side.recipe.decision.threshold
    return over


def _demanded(new: Side) -> Iterator[Check]:
    """What the recipe asks for, by figure."""
    rules = new.recipe.gate
    if not rules.at_least and not rules.at_most:
        return
    figures = known_figures(new)
    demands: Sequence[tuple[str, float, str, Callable[[float, float], bool]]] = [
        *((name, limit, "least", lambda value, least: value >= least) for name, limit in rules.at_least.items()),
        *((name, limit, "most", lambda value, most: value <= most) for name, limit in rules.at_most.items()),
    ]
    for name, limit, bound, holds in demands:
        value = figures.get(name)
        if value is None:
            yield Check(
                name, None, f"the recipe asks for {name} of at {bound} {limit:g}; that could not be told", None, limit
            )
            continue
        passed = holds(value, limit)
        yield Check(name, passed, f"{name} is {value:.3g}, the recipe asks for at {bound} {limit:g}", value, limit)


def known_figures(side: Side) -> dict[str, float | None]:
    """Figures that a recipe may ask for, by name: those of `tocsin evaluate`, and what the gate adds."""
    figures: dict[str, float | None] = {"rows_per_s": side.rows_per_s}
    with contextlib.suppress(EvaluationError):  # nothing is labelled
        figures |= evaluation(side.judged, side.recipe, side.classes, drawn=False).figures
    if side.recipe.task is not Task.OUTCOME:
        span = weeks(side.judged)
        figures["alarms_per_week"] = _unlabelled(side)[0] / span if span >= HOUR_WEEKS else None
        figures["share_over_limit"] = _over(side)
    elif (found := calls(side)) is not None:
        sure = np.clip(np.where(found.failed, found.chance, 1 - found.chance), 1e-12, 1.0)
        brier = mean((found.chance - found.failed) ** 2, found.weight)
        figures |= {"brier": brier, "log_loss": -mean(np.log(sure), found.weight)}
    return figures
