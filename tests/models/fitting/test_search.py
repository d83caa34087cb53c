from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.contract import F64, Task
from models.fitting.search import search
from models.fitting.splits import splits
from models.fitting.trial import Trial, held_out
from models.head import TrainingError
from models.judging.evaluation import evaluation
from models.recipe import Recipe, RecipeError, changed
from models.table import Stretch, Table

ANOMALY = Recipe(
    task=Task.ANOMALY,
    features=({"kind": "mean", "rows": 3},),
    estimator={"kind": "mahalanobis"},
    search={"features.0.rows": (1, 9), "calibration.multiple": (0.5, 20.0), "normalise.kind": ("standard", "robust")},
)


def run(at: int, *, rows: int = 120, odd: bool = True) -> Stretch:
    """A stretch that is beside itself for a while."""
    rng = np.random.default_rng(at)
    values, label = rng.normal(size=(rows, 3)), np.zeros(rows)
    if odd:
        values[80:100] += 6.0
        label[80:100] = 1.0
    return stretch(str(at), values, label)


def stretch(name: str, values: F64, label: F64 | None) -> Stretch:
    return Stretch(name=name, t_ns=np.arange(len(values), dtype=np.int64) * 10**9, rows=values, label=label)


def table(*stretches: Stretch, classes: tuple[str, ...] = ()) -> Table:
    return Table(channels=("a", "b", "c"), stretches=stretches, classes=classes)


RUNS = table(*(run(at) for at in range(4)))


def test_a_search_finds_better_than_what_was_written_and_is_the_same_again(tmp_path: Path) -> None:
    poor = changed(ANOMALY, {"calibration.multiple": 19.0})
    told: list[Trial] = []
    found = search(poor, RUNS, trials=8, timed=False, journal=tmp_path / "a.log", told=told.append)
    again = search(poor, RUNS, trials=8, timed=False, journal=tmp_path / "b.log")
    assert found == again
    assert found.own is not None
    assert found.value > found.own
    assert found.recipe.calibration.multiple < 19.0
    assert (found.figure, found.trials, found.failed, found.resumed) == ("f1", 8, 0, 0)
    assert [(trial.number, trial.of) for trial in told] == [(at, 8) for at in range(1, 9)]
    assert told[0].value == found.own


def test_a_search_goes_on_where_it_was_broken_off(tmp_path: Path) -> None:
    journal = tmp_path / "deep" / "search.log"

    def cut(trial: Trial) -> None:
        if trial.number == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(ANOMALY, RUNS, trials=5, timed=False, journal=journal, told=cut)
    found = search(ANOMALY, RUNS, trials=5, timed=False, journal=journal)
    assert (found.trials, found.resumed) == (5, 3)
    assert search(ANOMALY, RUNS, trials=5, timed=False, journal=journal).resumed == 5
    other = table(*(run(at) for at in range(5, 9)))
    assert search(ANOMALY, other, trials=2, timed=False, journal=journal).resumed == 0


def test_a_journal_that_a_crash_damaged_is_told_of(tmp_path: Path) -> None:
    journal = tmp_path / "search.log"
    search(ANOMALY, RUNS, trials=1, timed=False, journal=journal)
    journal.write_text(journal.read_text()[:-9] + "\n" + "{}\n")
    with pytest.raises(TrainingError, match="is damaged"):
        search(ANOMALY, RUNS, trials=2, timed=False, journal=journal)


def test_a_trial_that_fails_is_counted_and_the_search_goes_on(tmp_path: Path) -> None:
    recipe = msgspec.structs.replace(ANOMALY, search={"features.0.rows": (3, 1000, 5)})
    found = search(recipe, RUNS, trials=6, timed=False, journal=tmp_path / "search.log")
    assert found.failed > 0
    assert found.trials == 6
    assert found.changes != {"features.0.rows": 1000}


@pytest.mark.parametrize("wrong", [{"estimator.spam": (1, 2)}, {"features.7.rows": (1, 2)}, {"nothing.at.all": (1, 2)}])
def test_a_search_of_what_is_not_there_says_so(wrong: dict[str, tuple[object, ...]], tmp_path: Path) -> None:
    recipe = msgspec.structs.replace(ANOMALY, search=wrong)
    with pytest.raises(TrainingError, match=r"all 2 trials failed, the last one so: .+"):
        search(recipe, RUNS, trials=2, timed=False, journal=tmp_path / "search.log")


def test_a_search_without_labels_or_without_a_space_is_refused(tmp_path: Path) -> None:
    calm = table(*(run(at, odd=False) for at in range(3)))
    with pytest.raises(TrainingError, match="no row is labelled as anomalous"):
        search(ANOMALY, calm, trials=2, timed=False, journal=tmp_path / "search.log")
    with pytest.raises(RecipeError, match=r"no \[search\]"):
        search(
            msgspec.structs.replace(ANOMALY, search={}), RUNS, trials=2, timed=False, journal=tmp_path / "search.log"
        )


def test_stretches_stay_whole_and_each_is_held_out_once() -> None:
    parts = splits(RUNS, Task.ANOMALY, timed=True)
    assert [each.name for part in parts for each in part.judge.stretches] == ["0", "1", "2", "3"]
    for part in parts:
        assert not {each.name for each in part.fit.stretches} & {each.name for each in part.judge.stretches}


def test_rows_of_one_stretch_are_judged_by_what_came_before_them() -> None:
    (whole,) = table(run(0, rows=200)).stretches
    for part in splits(table(whole), Task.ANOMALY, timed=True):
        (fit,), (judge,) = part.fit.stretches, part.judge.stretches
        assert judge.label is not None
        judged = np.flatnonzero(np.isfinite(judge.label))
        assert len(fit.t_ns) == judged[0]
        assert len(judge.t_ns) == judged[-1] + 1


def test_units_with_times_are_judged_by_what_came_before_them() -> None:
    units = [stretch(str(at), np.full((1, 3), at), np.array([float(at % 2)])) for at in range(20)]
    parts = splits(table(*units, classes=("0", "1")), Task.OUTCOME, timed=True)
    for part in parts:
        assert max(int(each.name) for each in part.fit.stretches) < min(int(each.name) for each in part.judge.stretches)
    assert len(parts) == 4


def test_what_cannot_be_held_out_is_told() -> None:
    with pytest.raises(TrainingError, match="there is one unit"):
        splits(table(run(0)), Task.LIFE, timed=False)
    passed = [stretch(str(at), np.full((1, 3), at), np.zeros(1)) for at in range(9)]
    with pytest.raises(TrainingError, match="no part can be held out"):
        splits(table(*passed, classes=("0", "1")), Task.OUTCOME, timed=False)


def test_held_out_figures_are_of_rows_that_were_not_fitted_on() -> None:
    parts = splits(RUNS, Task.ANOMALY, timed=False)
    judged = held_out(ANOMALY, parts)
    assert [one.stretch.name for one in judged] == ["0", "1", "2", "3"]
    found = evaluation(judged, ANOMALY)
    assert found.rows == RUNS.rows
    assert found.figures["events"] == 4.0


def test_units_that_are_rows_are_judged_by_what_was_tested_before_on_any_station() -> None:
    outcome: F64 = np.tile([0.0, 1.0], 10)
    stations = [
        Stretch(name, np.arange(start, start + 40, 2) * 10**9, np.ones((20, 1)), outcome)
        for name, start in (("a", 0), ("b", 1))
    ]
    parts = splits(Table(("x",), tuple(stations), ("0", "1")), Task.OUTCOME, timed=True, unit_rows=True, folds=4)
    assert len(parts) == 3
    for part in parts:
        newest = max(int(one.t_ns[-1]) for one in part.fit.stretches)
        judged = [one.t_ns[np.isfinite(one.label)] for one in part.judge.stretches if one.label is not None]
        assert min(int(times[0]) for times in judged) > newest
        assert sum(map(len, judged)) == 10
        assert all(one.t_ns[0] == whole.t_ns[0] for one, whole in zip(part.judge.stretches, stations, strict=True))
