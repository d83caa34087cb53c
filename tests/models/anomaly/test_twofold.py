from functools import cache

import numpy as np
import pytest

from models.contract import F64
from models.fitting.training import train
from models.head import TrainingError
from models.recipe import load, parse
from models.registry.payload import packed, unpacked
from models.scoring import Judged, score
from models.table import Stretch, Table
from models.trained import Trained

CHANNELS = ("load", "memory", "network", "disk", "swap")
PLAIN = """
task = "anomaly"
[normalise]
kind = "standard"
reach = 10.0
[estimator]
kind = "twofold"
[decision]
k = 1
n = 1
clear = 1.0
quiet = 1
"""
ALONE = PLAIN.replace('"twofold"', '"twofold"\nalone = 1.0')
TOGETHER = PLAIN.replace('"twofold"', '"twofold"\nalone = 0.0\nshrink = 0.02')
FADING = PLAIN.replace('"twofold"', '"twofold"\nfade = 20')
FOLLOWING = PLAIN.replace('"twofold"', '"twofold"\nfollow = 200\nleash = 2.0')
DEPARTING = (
    PLAIN
    + """
[[features]]
kind = "departure"
span = 3
[[features]]
kind = "deviation"
rows = 30
floor = 0.05
"""
)


def server(rows: int, seed: int) -> F64:
    """Memory and network go with the load, the disk works by itself, the swap never moves."""
    rng = np.random.default_rng(seed)
    load = rng.normal(size=rows)
    noise = 0.1 * rng.normal(size=(rows, 3))
    return np.column_stack(
        [50.0 + 9.0 * load, 4.0 + load + noise[:, 0], 0.3 * load + noise[:, 1], 7.0 + 10.0 * noise[:, 2], np.ones(rows)]
    )


def table(rows: F64) -> Table:
    return Table(CHANNELS, (Stretch("web-1", np.arange(len(rows), dtype=np.int64) * 60_000_000_000, rows),))


@cache
def fitted(recipe: str) -> Trained:
    return train(parse(recipe), table(server(3000, 1))).model


def judged(recipe: str, rows: F64) -> Judged:
    (found,) = score(fitted(recipe), table(rows))
    return found


def moved(channel: int, by: float, *, rows: int = 600, end: int | None = None) -> F64:
    values = server(rows, 2)
    values[300:end, channel] += by * server(3000, 9)[:, channel].std()
    return values


def test_a_broken_relation_is_seen_by_the_view_of_all_together_alone() -> None:
    values = moved(1, 1.5)
    assert judged(TOGETHER, values).alarm[300:].mean() > 0.9
    assert judged(ALONE, values).alarm[300:].mean() < 0.2


@pytest.mark.parametrize("recipe", [PLAIN, ALONE, TOGETHER])
def test_a_channel_far_from_its_normal_rings_and_is_named(recipe: str) -> None:
    found = judged(recipe, moved(3, 8.0))
    assert found.alarm[:300].mean() < 0.05
    assert found.alarm[300:].all()
    assert (found.scored.contributions[300:].argmax(axis=1) == 3).mean() > 0.9


@pytest.mark.parametrize("recipe", [PLAIN, ALONE, TOGETHER, FADING, FOLLOWING])
def test_fresh_normal_rows_ring_about_as_rarely_as_was_asked_for(recipe: str) -> None:
    asked = recipe + "[calibration]\nfalse_alarm_rate = 0.02\n"
    rings = [float(judged(asked, server(2000, seed)).alarm.mean()) for seed in range(20, 24)]
    assert 0.002 < np.mean(rings) < 0.06


def test_a_peak_that_fades_holds_the_alarm_and_the_channel_that_it_is_about() -> None:
    values = moved(3, 9.0, end=303)
    brief, held = judged(PLAIN, values), judged(FADING, values)
    assert brief.alarm[303:320].sum() <= 3
    assert held.alarm[300:315].all()
    assert not held.alarm[400:].all()
    assert (held.scored.contributions[303:315].argmax(axis=1) == 3).all()


def test_a_normal_on_a_leash_follows_a_drift_and_not_an_incident() -> None:
    drift, incident = moved(3, 3.5, rows=4000), moved(3, 9.5, rows=4000)
    still, following = judged(PLAIN, drift), judged(FOLLOWING, drift)
    assert still.alarm[3000:].mean() > 0.3
    assert following.alarm[3000:].mean() < 0.1
    assert judged(FOLLOWING, incident).alarm[3000:].mean() > 0.9


def test_stillness_where_there_was_movement_rings() -> None:
    values = server(600, 2)
    values[300:, :4] = server(3000, 1)[:, :4].mean(axis=0)
    found = judged(DEPARTING, values)
    assert found.alarm[:300].mean() < 0.05
    assert found.alarm[340:].all()


def test_rows_before_the_windows_are_full_leave_no_peak_behind() -> None:
    held = judged(DEPARTING.replace('"twofold"', '"twofold"\nfade = 100'), server(300, 5)).scored.score
    assert np.isnan(held[:29]).all()
    assert (held[29:60] < 1.0).all()


def test_the_limit_knows_the_first_block_as_well_as_the_others() -> None:
    def restless(rows: F64) -> F64:
        out: F64 = rows * np.array([1.0, 1.0, 1.0, 4.0, 1.0])
        return out

    calm, lively = server(2400, 1), restless(server(600, 4))
    model = train(parse(DEPARTING), table(np.concatenate([lively, calm]))).model
    (found,) = score(model, table(restless(server(1000, 6))))
    assert found.alarm.mean() < 0.05


def test_a_stored_model_scores_alike() -> None:
    model = fitted(DEPARTING)
    normaliser, head = unpacked(packed(model.normaliser, model.head), "here")
    looks = model.head.look(model.bank.run([model.bank.cold()], [normaliser.apply(moved(0, 5.0))])[0][0])
    cold, age = np.zeros(head.memory), np.arange(len(looks))
    one, other = head.settle(cold, looks, age), model.head.settle(cold, looks, age)
    assert one.score.tobytes() == other.score.tobytes()


def test_too_few_rows_say_so() -> None:
    with pytest.raises(TrainingError, match="too few"):
        train(parse(DEPARTING), table(server(40, 1)))


@pytest.mark.parametrize("name", ["asd", "smd"])
def test_a_shipped_recipe_rings_for_an_incident_and_stays_quiet_without_one(name: str) -> None:
    model = train(load(name), table(server(3000, 1))).model
    (well,) = score(model, table(server(1500, 3)))
    (ill,) = score(model, table(moved(3, 9.0, rows=1500)))
    assert well.alarm.mean() < 0.06
    assert ill.alarm[330:].mean() > 0.9
    assert ill.scored.contributions[330].argmax() == 3
