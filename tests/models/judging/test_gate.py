"""What a gate lets through and what it refuses: as good, worse, deaf, loud, flipped, silent and slow candidates."""

from collections.abc import Callable
from functools import cache

import msgspec
import numpy as np
import pytest

from models.contract import F64, Scored, Task
from models.decide import Deciding, decide
from models.fitting.training import train
from models.judging.faults import spoilt
from models.judging.gate import Check, Evidence, Ruling, gate
from models.judging.pairing import Side
from models.recipe import Gate, Recipe, parse
from models.scoring import Judged, score
from models.table import Stretch, Table
from models.trained import Trained
from tests.models.made import NAMES, SECOND, rows

ODD = parse("""
task = "anomaly"
estimator = { kind = "mewma", span = 6 }
decision = { k = 1, n = 1, clear = 0.9, quiet = 5 }
""")
RUNS = parse("""
task = "outcome"
estimator = { kind = "imported", path = "sklearn.linear_model.LogisticRegression" }
calibration = { false_alarm_rate = 0.05 }
""")


def machine(seed: int, *, faults: bool, count: int = 1500) -> Stretch:
    """A machine; where it has faults, they are labelled."""
    values, label = rows(count, seed=seed, missing=0.0), np.zeros(count)
    for begin in range(200, count, 300) if faults else ():
        values[begin : begin + 40, 1] += 40.0
        label[begin : begin + 40] = 1
    return Stretch(f"pump-{seed}", np.arange(count) * 10 * SECOND, values, label)


def odd(model: Trained, table: Table, recipe: Recipe = ODD) -> Side:
    return Side(score(model, table, decision=recipe.decision), recipe)


@cache
def normal_model() -> Trained:
    return train(ODD, Table(NAMES, (machine(0, faults=False),)), name="pump").model


@cache
def deaf_model() -> Trained:
    """Fitted on many faults that nobody labelled: poisoned."""
    plain = machine(0, faults=False)
    values = plain.rows.copy()
    values[:, 1] += 100.0 * np.sin(np.arange(len(values)) / 20.0)
    plain = msgspec.structs.replace(plain, rows=values)
    return train(ODD, Table(NAMES, (msgspec.structs.replace(plain, label=None),)), name="pump").model


def units(seed: int, count: int = 300, *, flipped: float = 0.0) -> Table:
    """Units of which every fourth fails, seen in two of its measurements; some labels turned round."""
    rng = np.random.default_rng(seed)
    failed = np.arange(count) % 4 == 0
    turned = rng.random(count) < flipped
    made = []
    for at in range(count):
        values: F64 = rng.normal(size=(1, len(NAMES))) + np.array([1.2, 0.0, -0.9, 0.0]) * failed[at]
        made.append(Stretch(f"u{at}", np.array([at * SECOND]), values, np.array([float(failed[at] != turned[at])])))
    return Table(NAMES, tuple(made), classes=("pass", "fail"))


def runs(model: Trained, table: Table) -> Side:
    return Side(score(model, table, decision=RUNS.decision), RUNS, ("pass", "fail"))


@cache
def call_model(flipped: float = 0.0) -> Trained:
    return train(RUNS, units(1, flipped=flipped), name="bench").model


def checks(ruling: Ruling) -> dict[str, Check]:
    return {check.what: check for check in ruling.checks}


def refused(ruling: Ruling) -> set[str]:
    return {check.what for check in ruling.checks if check.passed is False}


def test_a_candidate_that_is_as_good_passes() -> None:
    table = Table(NAMES, (machine(2, faults=True),))
    other = train(ODD, Table(NAMES, (machine(3, faults=False),)), name="pump").model
    ruling = gate(Evidence(odd(other, table), odd(normal_model(), table)))
    assert refused(ruling) == set(), ruling.why
    assert ruling.passed
    assert {"speaks", "f1", "ap", "alarms", "share above the limit"} <= set(checks(ruling))


def test_a_candidate_fitted_on_faults_is_refused_where_faults_are_labelled() -> None:
    table = Table(NAMES, (machine(2, faults=True),))
    ruling = gate(Evidence(odd(deaf_model(), table), odd(normal_model(), table)))
    assert "f1" in refused(ruling)
    assert not ruling.passed
    assert "worse" in ruling.why


def test_a_candidate_fitted_on_faults_is_refused_by_made_faults_where_nothing_is_labelled() -> None:
    plain = Table(NAMES, (msgspec.structs.replace(machine(2, faults=False), label=None),))
    made = spoilt(plain)
    sides = [
        Evidence(odd(m, plain), odd(normal_model(), plain), (odd(m, made), odd(normal_model(), made)))
        for m in (deaf_model(), train(ODD, Table(NAMES, (machine(5, faults=False),)), name="pump").model)
    ]
    deaf, sound = (gate(side) for side in sides)
    assert refused(deaf) == {"made faults"}
    assert sound.passed
    assert checks(sound)["labelled rows"].passed is None
    assert "misses 0 of" in checks(sound)["made faults"].sentence
    assert "most of those of heat" in checks(deaf)["made faults"].sentence


def test_a_candidate_that_rings_more_often_is_refused() -> None:
    table = Table(NAMES, (machine(2, faults=True, count=4000),))
    champion = odd(normal_model(), table)
    loud = odd(normal_model(), table)
    judged = []
    for one in loud.judged:
        value = one.scored.score.copy()
        value[100::40] = 1.5
        alarm = decide(Deciding(), value, ODD.decision).active
        judged.append(
            msgspec.structs.replace(one, scored=msgspec.structs.replace(one.scored, score=value), alarm=alarm)
        )
    ruling = gate(Evidence(msgspec.structs.replace(loud, judged=judged), champion))
    assert "alarms" in refused(ruling)
    assert "a week" in checks(ruling)["alarms"].sentence


def test_a_candidate_that_rings_now_and_then_may_follow_a_champion_that_does_not_stop() -> None:
    table = Table(NAMES, (msgspec.structs.replace(machine(2, faults=False, count=4000), label=None),))
    champion, candidate = odd(normal_model(), table), odd(normal_model(), table)

    def with_scores(side: Side, score_of: Callable[[F64], F64]) -> Side:
        judged = []
        for one in side.judged:
            value = score_of(np.arange(len(one.scored.score), dtype=np.float64)).astype(np.float32)
            scored = msgspec.structs.replace(one.scored, score=value)
            judged.append(Judged(one.stretch, scored, decide(Deciding(), value, ODD.decision).active))
        return msgspec.structs.replace(side, judged=judged)

    drifted = with_scores(champion, lambda row: np.full_like(row, 2.0))
    fresh = with_scores(candidate, lambda row: np.where(row % 500 == 0, 1.5, 0.2))
    check = checks(gate(Evidence(fresh, drifted)))["alarms"]
    assert (check.passed, check.value) == (True, 8.0)
    assert check.sentence.endswith("but for far longer")
    assert checks(gate(Evidence(drifted, fresh)))["share above the limit"].passed is False


def _changed(side: Side, change: Callable[[Scored], Scored]) -> Side:
    judged = [msgspec.structs.replace(one, scored=change(one.scored)) for one in side.judged]
    return msgspec.structs.replace(side, judged=judged)


def test_a_candidate_that_falls_silent_is_refused_and_one_that_warms_up_longer_is_not() -> None:
    table = Table(NAMES, (machine(2, faults=True),))
    champion = odd(normal_model(), table)

    def holed(scored: Scored) -> Scored:
        value = scored.score.copy()
        value[700:720] = np.nan
        return msgspec.structs.replace(scored, score=value)

    def slow(scored: Scored) -> Scored:
        value = scored.score.copy()
        value[:50] = np.nan
        return msgspec.structs.replace(scored, score=value)

    assert "speaks" in refused(gate(Evidence(_changed(champion, holed), champion)))
    assert checks(gate(Evidence(_changed(champion, holed), champion)))["speaks"].value == 20
    assert gate(Evidence(_changed(champion, slow), champion)).passed


def test_a_slow_candidate_is_refused() -> None:
    table = Table(NAMES, (machine(2, faults=True),))
    champion = odd(normal_model(), table)
    ruling = gate(Evidence(msgspec.structs.replace(champion, rows_per_s=40.0), champion))
    assert refused(ruling) == {"speed"}


def test_an_outcome_model_as_good_passes_and_one_of_flipped_labels_is_refused() -> None:
    fresh = units(9)
    good = gate(Evidence(runs(train(RUNS, units(2), name="bench").model, fresh), runs(call_model(), fresh)))
    assert good.passed, good.why
    assert {"ap", "roc_auc", "brier", "expected failures", "chances", "wrong stops"} <= set(checks(good))
    flipped = gate(Evidence(runs(call_model(flipped=1.0), fresh), runs(call_model(), fresh)))
    assert {"ap", "roc_auc", "brier", "chances"} <= refused(flipped)


def test_half_of_all_labels_flipped_is_refused_too() -> None:
    fresh = units(9)
    ruling = gate(Evidence(runs(call_model(flipped=0.5), fresh), runs(call_model(), fresh)))
    assert "ap" in refused(ruling)


def test_flipped_labels_of_the_very_rows_that_judge_are_doubted() -> None:
    fresh = units(9, flipped=1.0)
    ruling = gate(Evidence(runs(call_model(flipped=1.0), fresh), runs(call_model(), fresh)))
    assert "labels" in refused(ruling)
    assert "were they flipped?" in ruling.why


def test_what_the_recipe_asks_for_is_asked() -> None:
    table = Table(NAMES, (machine(2, faults=True),))
    asks = msgspec.structs.replace(
        ODD, gate=Gate(at_least={"f1": 0.999, "coverage": 0.8}, at_most={"alarms_per_week": 0.0})
    )
    side = msgspec.structs.replace(odd(normal_model(), table), recipe=asks)
    ruling = gate(Evidence(side))
    assert refused(ruling) == {"f1", "alarms_per_week"}
    assert checks(ruling)["coverage"].passed is None
    assert "could not be told" in checks(ruling)["coverage"].sentence


def test_a_first_model_is_held_against_its_own_promises() -> None:
    table = Table(NAMES, (machine(2, faults=True),))
    ruling = gate(Evidence(odd(normal_model(), table)))
    assert ruling.passed
    assert checks(ruling)["alarms"].passed is None


def test_lives_are_held_against_the_champions() -> None:
    recipe = parse('task = "life"')
    table = [Stretch(f"u{n}", np.arange(50) * SECOND, np.zeros((50, 1)), np.arange(50.0)[::-1]) for n in range(8)]

    def side(off: float) -> Side:
        judged = []
        for stretch in table:
            assert stretch.label is not None
            life = stretch.label + off
            outlook = np.column_stack([life, life - 5, life + 5]).astype(np.float32)
            value = np.full(50, 0.5, np.float32)
            none = np.zeros(50, np.bool_)
            judged.append(Judged(stretch, Scored(np.zeros(1), value, value[:, None], 1.0, none, outlook), none))
        return Side(judged, recipe)

    assert gate(Evidence(side(5.0), side(6.0))).passed
    assert refused(gate(Evidence(side(9.0), side(6.0)))) == {"rmse"}
    assert recipe.task is Task.LIFE


@pytest.mark.parametrize("count", [0, 50])
def test_too_few_rows_make_no_faults(count: int) -> None:
    assert spoilt(Table(NAMES, (machine(1, faults=False, count=count),) if count else ())).stretches == ()
