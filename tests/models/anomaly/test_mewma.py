import msgspec
import numpy as np
import pytest

from models.anomaly.mewma import Chart
from models.contract import F32, F64, Job, Scored
from models.fitting.training import train
from models.head import TrainingError
from models.recipe import RecipeError, changed, parse
from models.registry.payload import packed, unpacked
from models.scoring import score
from models.table import Stretch, Table
from models.trained import Trained

SECOND = 1_000_000_000
CHANNELS = ("flow", "pressure", "current", "temperature")
EACH = """
task = "anomaly"
[estimator]
kind = "mewma"
span = 8
shrink = 1.0
[calibration]
multiple = 1.4
[decision]
k = 1
n = 1
clear = 1.0
quiet = 5
"""
TIED = EACH.replace("shrink = 1.0", "shrink = 0.01")
BACK = EACH.replace("shrink = 1.0", "shrink = 1.0\nback = 0.3")


def plant(rows: int, seed: int) -> F64:
    """Flow and pressure tied to each other, a current of its own, a temperature that wanders."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(rows, 4))
    load = rng.normal(size=rows)
    temperature = np.zeros(rows)
    for row in range(1, rows):
        temperature[row] = 0.98 * temperature[row - 1] + 0.2 * noise[row, 3]
    flow = 30.0 + load + 0.1 * noise[:, 0]
    pressure = 2.0 + 0.3 * load + 0.03 * noise[:, 1]
    return np.stack([flow, pressure, 0.1 * noise[:, 2], 70.0 + temperature], axis=1)


def table(rows: F64, channels: tuple[str, ...] = CHANNELS, start_ns: int = 0) -> Table:
    t_ns = start_ns + np.arange(len(rows), dtype=np.int64) * SECOND
    return Table(channels=channels, stretches=(Stretch(name="pump", t_ns=t_ns, rows=rows),))


def fitted(recipe: str = EACH, rows: int = 1000) -> Trained:
    return train(parse(recipe), table(plant(rows, 1))).model


def scores(model: Trained, rows: F64) -> F32:
    return score(model, table(rows))[0].scored.score


def moved(channel: int, by: float, seed: int = 2, rows: int = 400) -> F64:
    """Fresh rows with a channel moved from row 200 on, by so many of its spreads."""
    values = plant(rows, seed)
    values[200:, channel] += by * plant(2000, 9)[:, channel].std()
    return values


def test_a_small_lasting_shift_of_a_restless_channel_rings() -> None:
    found = scores(fitted(), moved(2, 2.5))
    assert (found[:200] < 1.0).all()
    assert (found[225:] > 1.0).all()


def test_a_channel_that_wanders_by_nature_may_move_as_far_in_silence() -> None:
    assert (scores(fitted(), moved(3, 2.5)) < 1.0).all()


def test_a_broken_relation_rings_only_where_relations_are_believed() -> None:
    values = moved(1, 0.6)  # well within what the pressure does by itself, but the flow does not go with it
    assert (scores(fitted(EACH), values) < 1.0).mean() > 0.99
    assert (scores(fitted(TIED), values)[225:] > 1.0).all()


@pytest.mark.parametrize("recipe", [EACH, TIED])
def test_fresh_normal_rows_ring_about_as_rarely_as_was_asked_for(recipe: str) -> None:
    asked = recipe.replace("multiple = 1.4", "false_alarm_rate = 0.02")
    rings = [float((scores(fitted(asked), plant(2000, seed)) >= 1.0).mean()) for seed in range(20, 24)]
    assert 0.002 < np.mean(rings) < 0.06


def test_the_channel_that_moved_is_named() -> None:
    for at in range(3):
        (judged,) = score(fitted(TIED), table(moved(at, 4.0)))
        shares = judged.scored.contributions[300]
        assert shares.sum() == pytest.approx(judged.scored.score[300], rel=1e-5)
        assert at in {int(shares.argmax()), int(shares.argsort()[-2])}, CHANNELS[at]
    (judged,) = score(fitted(EACH), table(moved(2, 4.0)))
    assert judged.scored.contributions[300].argmax() == 2


def test_it_scores_from_the_first_row_and_a_young_mean_does_not_cry_wolf() -> None:
    model = fitted()
    first = [scores(model, plant(1, seed))[0] for seed in range(100, 300)]
    assert np.isfinite(first).all()
    assert np.mean(np.array(first) >= 1.0) < 0.03


def test_a_machine_that_comes_most_of_the_way_back_from_a_fault_has_come_back() -> None:
    values = moved(2, 30.0, rows=800)
    values[500:] = moved(2, 2.5, seed=3, rows=800)[500:]
    plain, forgiving = scores(fitted(EACH), values), scores(fitted(BACK), values)
    assert (plain[225:] > 1.0).all()
    assert (forgiving[225:500] > 1.0).all()
    assert (forgiving[530:] < 1.0).all()
    assert (scores(fitted(BACK), moved(2, 2.5))[225:] > 1.0).all()  # had it never been further, it rings


def test_a_lone_wild_value_is_forgotten_within_a_few_spans() -> None:
    values = plant(400, 2)
    values[200, 0] = 1e300
    found = scores(fitted(), values)
    assert found[200] > 1.0
    assert (found[250:] < 1.0).all()
    assert np.isfinite(found).all()


def same(parts: list[Scored], whole: Scored) -> bool:
    score_ = np.concatenate([part.score for part in parts])
    shares = np.concatenate([part.contributions for part in parts])
    return bool(
        np.allclose(score_, whole.score, rtol=1e-6, atol=0)
        and np.allclose(shares, whole.contributions, rtol=1e-5, atol=1e-7)
        and np.allclose(parts[-1].state, whole.state, rtol=1e-9, atol=1e-12)
    )


@pytest.mark.parametrize("recipe", [EACH, TIED, BACK])
@pytest.mark.parametrize("cuts", [(), (1,), (7, 7, 50, 399), tuple(range(1, 400))])
def test_rows_that_come_one_by_one_score_as_all_at_once(recipe: str, cuts: tuple[int, ...]) -> None:
    model, rows = fitted(recipe), moved(0, 3.0)

    def job(state: F64, begin: int, end: int) -> Job:
        t_ns = np.arange(begin, end, dtype=np.int64) * SECOND
        return Job(state=state, t_ns=t_ns, rows=rows[begin:end], running=np.ones(end - begin, dtype=np.bool_))

    parts, state, begin = [], model.cold(4), 0
    for end in (*cuts, 400):
        parts += model.advance([job(state, begin, end)])
        state, begin = parts[-1].state, end
    (whole,) = model.advance([job(model.cold(4), 0, 400)])
    assert same(parts, whole)


def test_names_order_units_and_clock_do_not_matter() -> None:
    order, factor, offset = [2, 0, 3, 1], np.array([-7.0, 0.01, 1.8, 1000.0]), np.array([3.0, -5.0, 32.0, 1e4])
    names = ("a", "b", "c", "d")
    model = fitted(TIED)
    other = train(parse(TIED), table(plant(1000, 1)[:, order] * factor + offset, names, 86_400 * SECOND)).model
    rows = moved(0, 3.0)
    there = score(other, table(rows[:, order] * factor + offset, names, 99 * SECOND))[0].scored.score
    np.testing.assert_allclose(there, scores(model, rows), rtol=1e-4)


def spoilt(kind: str) -> F64:
    rows = plant(600, 1)
    match kind:
        case "constant":
            rows[:, 1] = 7.0
        case "twin":
            rows[:, 1] = rows[:, 0]
        case "repeated":
            rows = np.repeat(rows[:200], 3, axis=0)
        case "missing":
            rows[np.random.default_rng(3).random(rows.shape) < 0.2] = np.nan
        case "short":
            rows = rows[:24]
    return rows


@pytest.mark.parametrize("shrink", [0.0, 0.02, 1.0])
@pytest.mark.parametrize("kind", ["constant", "twin", "repeated", "missing", "short"])
def test_whatever_it_was_fitted_on_scores_are_numbers_and_a_great_fault_rings(kind: str, shrink: float) -> None:
    model = train(changed(parse(EACH), {"estimator.shrink": shrink}), table(spoilt(kind))).model
    found = scores(model, moved(2, 40.0))
    assert np.isfinite(found).all()
    assert found[250:].min() > 1.0
    assert kind == "twin" or np.median(found[:200]) < 1.0


def test_a_few_bad_minutes_among_the_rows_it_is_fitted_on_blunt_it_little() -> None:
    good, bad = plant(1000, 1), plant(1000, 1)
    bad[300:350, 2] += 3.0  # thirty spreads
    clean, spoiled = (scores(train(parse(EACH), table(rows)).model, moved(2, 2.5)) for rows in (good, bad))
    assert np.median(spoiled[225:]) > 0.8 * np.median(clean[225:]) > 0.8


def test_three_rows_are_refused_with_a_reason() -> None:
    with pytest.raises(TrainingError, match="too few"):
        fitted(rows=3)


@pytest.mark.parametrize(("name", "value"), [("span", 0.5), ("order", -1), ("shrink", 1.5), ("spam", 1)])
def test_a_setting_that_cannot_be_is_named(name: str, value: float) -> None:
    wrong = parse(EACH)
    wrong = msgspec.structs.replace(wrong, estimator={**wrong.estimator, name: value})
    with pytest.raises(RecipeError, match=name):
        train(wrong, table(plant(200, 1)))


def test_the_same_rows_make_the_same_model_and_a_stored_one_scores_the_same() -> None:
    one, other = fitted(TIED), fitted(TIED)
    assert scores(one, moved(1, 2.0)).tobytes() == scores(other, moved(1, 2.0)).tobytes()
    content = packed(one.normaliser, one.head)
    normaliser, head = unpacked(content, "here")
    stored = Trained(
        name=one.name,
        version=one.version,
        task=one.task,
        channels=one.channels,
        decision=one.decision,
        normaliser=normaliser,
        bank=one.bank,
        head=head,
    )
    assert scores(stored, moved(1, 2.0)).tobytes() == scores(one, moved(1, 2.0)).tobytes()
    assert len(content) < 100_000
    assert one.cold(4).nbytes < 1000


def test_rows_are_not_read_across_the_seams_of_stretches() -> None:
    rows, starts = plant(1000, 1), range(0, 1000, 50)
    jumps = [rows[at : at + 50] + 100.0 * (at % 100) * np.array([0, 0, 1, 0]) for at in starts]  # another level each
    pieces = tuple(Stretch(name=str(at), t_ns=np.arange(50) * SECOND, rows=jumps[at]) for at in range(len(jumps)))
    head = train(parse(EACH), Table(channels=CHANNELS, stretches=pieces)).model.head
    assert isinstance(head, Chart)
    assert head.inertia[2] > 100  # the level lasts as long as the stretches do
    alone = train(parse(EACH), table(rows)).model.head
    assert isinstance(alone, Chart)
    assert alone.inertia[2] < 2
