import numpy as np
import numpy.typing as npt
import pandas as pd

from models.contract import F32, Scored, Task
from models.judging.results import results
from models.reading.records import Records, records
from models.reading.sheets import of_frame
from models.recipe import Columns, Recipe
from models.scoring import Judged, by_unit

ANOMALY = Recipe(task=Task.ANOMALY)
LIFE = Recipe(task=Task.LIFE, columns=Columns(index=("cycle",)))
OUTCOME = Recipe(task=Task.OUTCOME, columns=Columns(index=("second",)))


def rows(recipe: Recipe, **columns: object) -> Records:
    return records([of_frame(pd.DataFrame(columns), "rows", recipe.columns)], recipe, labelled=False)


def judged(of: Records, score: list[list[float]], *, outlook: list[list[list[float]]] | None = None) -> list[Judged]:
    """What a model might have said, stretch by stretch."""
    out = []
    for at, (stretch, said) in enumerate(zip(of.table.stretches, score, strict=True)):
        values: F32 = np.array(said, dtype=np.float32)
        ahead: npt.NDArray[np.float32] | None = None if outlook is None else np.array(outlook[at], dtype=np.float32)
        scored = Scored(
            state=np.zeros(0),
            score=values,
            contributions=np.nan_to_num(np.stack([values] * len(of.table.channels), axis=1)),
            warm=1.0,
            drift=np.zeros(len(values), dtype=np.bool_),
            outlook=ahead,
        )
        out.append(Judged(stretch=stretch, scored=scored, alarm=values >= 1.0))
    return out


def test_rows_stand_in_the_order_of_the_file_with_their_keys_as_written() -> None:
    of = rows(ANOMALY, device=["q", "p", "q"], time=["2026-05-01 02:00", "2026-05-01", "2026-05-01 01:00"], a=[1, 2, 3])
    order = [stretch.name for stretch in of.table.stretches]
    assert order == ["p", "q"]
    table = results(of, judged(of, [[0.5], [0.25, 2.0]]), task=Task.ANOMALY, threshold=1.0)
    assert list(table.columns) == ["device", "time", "score", "threshold", "alarm", "contribution_a"]
    assert table["time"].tolist() == ["2026-05-01 02:00", "2026-05-01", "2026-05-01 01:00"]
    assert table["score"].tolist() == [2.0, 0.5, 0.25]
    assert table["alarm"].tolist() == [1, 0, 0]
    assert table["threshold"].tolist() == [1.0] * 3


def test_a_row_without_a_score_is_empty_and_no_alarm() -> None:
    of = rows(ANOMALY, a=[1.0, 2.0])
    table = results(of, judged(of, [[np.nan, 2.0]]), task=Task.ANOMALY, threshold=1.0)
    assert table["score"].isna().tolist() == [True, False]
    assert table["alarm"].tolist() == [0, 1]
    assert table.to_csv(index=False).splitlines()[1] == ",1.0,0,0.0"


def test_life_comes_with_its_interval() -> None:
    of = rows(LIFE, unit=[1, 1], cycle=[1, 2], a=[0.0, 0.0])
    ahead = [[[np.nan] * 3, [20.0, 10.0, 30.0]]]
    table = results(of, judged(of, [[np.nan, 0.5]], outlook=ahead), task=Task.LIFE, threshold=1.0)
    assert list(table.columns)[:5] == ["unit", "cycle", "life", "life_low", "life_high"]
    assert table.iloc[1, 2:5].tolist() == [20.0, 10.0, 30.0]
    assert bool(table["life"].isna().iloc[0])


def test_a_unit_gets_one_row_from_its_last_one() -> None:
    of = rows(OUTCOME, unit=["b", "b", "a"], second=[0, 1, 0], v=[1.0, 2.0, 3.0])
    ahead = [[[0.9, 0.1], [0.4, 0.6]], [[0.8, 0.2]]]
    said = judged(of, [[0.2, 1.2], [0.4]], outlook=ahead)
    table = results(of, said, task=Task.OUTCOME, threshold=1.0, classes=("0", "1"))
    assert list(table.columns) == ["unit", "second", "p_fail", "score", "threshold", "alarm", "contribution_v"]
    assert table["unit"].tolist() == ["b", "a"]
    assert table["second"].tolist() == [1, 0]
    np.testing.assert_allclose(table["p_fail"], [0.6, 0.2], rtol=1e-6)
    assert table["alarm"].tolist() == [1, 0]


def test_grades_are_called_by_the_likeliest_with_the_chance_of_each() -> None:
    of = rows(OUTCOME, unit=[1, 2, 3], second=[0, 0, 0], v=[1.0, 2.0, 3.0])
    ahead = [[[0.1, 0.2, 0.7]], [[0.5, 0.3, 0.2]], [[np.nan] * 3]]
    said = judged(of, [[np.nan]] * 3, outlook=ahead)
    table = results(of, said, task=Task.OUTCOME, threshold=1.0, classes=("3", "20", "100"))
    assert list(table.columns)[:6] == ["unit", "second", "predicted", "p_3", "p_20", "p_100"]
    assert table.to_csv(index=False, columns=["predicted"]).split() == ["predicted", "100", "3", '""']


def test_grades_that_are_words_stay_words() -> None:
    of = rows(OUTCOME, unit=[1], v=[1.0])
    said = judged(of, [[np.nan]], outlook=[[[0.1, 0.2, 0.7]]])
    table = results(of, said, task=Task.OUTCOME, threshold=1.0, classes=("bad", "fair", "good"))
    assert table["predicted"].tolist() == ["good"]


def test_where_a_row_is_a_unit_each_row_gets_its_own_with_the_interval_of_its_chance() -> None:
    recipe = Recipe(task=Task.OUTCOME, columns=Columns(group=("station",), unit_rows=True))
    of = rows(recipe, station=["b", "a", "b"], time=["2026-01-03", "2026-01-02", "2026-01-01"], v=[3.0, 2.0, 1.0])
    ahead = [[[0.9, 0.1, 0.0, 0.2], [0.7, 0.3, 0.2, 0.4]], [[0.8, 0.2, 0.1, 0.3]]]
    said = by_unit(judged(of, [[0.1, 1.3], [0.2]], outlook=ahead), recipe)
    table = results(of.by_unit(recipe), said, task=Task.OUTCOME, threshold=1.0, classes=("pass", "fail"))
    assert list(table.columns)[:5] == ["station", "time", "p_fail", "p_fail_low", "p_fail_high"]
    assert table["station"].tolist() == ["b", "a", "b"]
    np.testing.assert_allclose(table["p_fail"], [0.3, 0.2, 0.1], rtol=1e-6)
    np.testing.assert_allclose(table["p_fail_high"], [0.4, 0.3, 0.2], rtol=1e-6)
    assert table["alarm"].tolist() == [1, 0, 0]
