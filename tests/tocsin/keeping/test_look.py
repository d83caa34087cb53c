"""What is looked at for a model that calls runs of a procedure."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from models.catalogue.run_table import run_table
from models.recipe import parse
from models.registry.folder import Registry
from store.box.box import DuckStore
from store.port import Commit
from tocsin.keeping import portions
from tocsin.keeping import shown as showing
from tocsin.keeping.diary import Page, Ringing
from tocsin.keeping.job import Job, Runs
from tocsin.keeping.look import WHOLE, Look, looks, reference_of, whole_of
from tocsin.keeping.shown import Shown
from tocsin.keeping.triggers import Case, reason
from tocsin.modelling.sheets import sheets
from tocsin.modelling.training import Wish, make
from tocsin.reaching.at_hand import AtHand
from wire.config import Config, ModelRule, Procedure
from wire.messages import Label, Meaning, Origin, Run

NAME, EDGE = "servo-calls", "edge"
S = 1_000_000_000
CONFIG = Config(procedures=(Procedure(match="servo*", model=NAME),))
RECIPE = parse("""
task = "outcome"
[columns]
time = ["time"]
group = ["station", "run"]
labels = ["outcome"]
ignore = ["unit", "procedure", "version", "control", "stopped_at", "weight"]
[estimator]
kind = "imported"
path = "sklearn.linear_model.LogisticRegression"
""")


def run(
    number: int, rng: np.random.Generator, *, shift: float = 0.0, fails: float | None = None, version: int = 1
) -> Run:
    """A unit whose torque tells of its end, but for `fails`: then chance alone does."""
    torque = float(rng.normal())
    risk = 1.0 / (1.0 + np.exp(-3.0 * (torque - 1.2)))
    state = "fail" if rng.random() < (risk if fails is None else fails) else "pass"
    return Run(
        origin=Origin(EDGE, "0" * 32, number),
        edge=EDGE,
        run=f"r{number}",
        change=1,
        unit=f"u{number}",
        procedure="servo-a",
        version="1",
        station="bench-1",
        state=state,  # type: ignore[arg-type]  # one of the words that a run may end with
        started_ns=number * S,
        changed_ns=number * S + 1,
        ended_ns=number * S + 1,
        p_fail=float(risk),
        model=NAME,
        model_version=version,
        row={"S1/torque": torque + shift, "S2/noise": float(rng.normal())},
    )


class Benches:
    def __init__(self, folder: Path) -> None:
        self.store = DuckStore(path=folder / "store.duckdb")
        self.registry = Registry.open(str(folder / "models"))
        self._cursor = 0

    def tested(self, runs: list[Run]) -> None:
        self._cursor += 1
        self.store.write(Commit(self._cursor, (), runs, {}))

    def says(self, of: Run, meaning: Meaning, *, at: int, name: str = "", gone: str = "") -> None:
        self._cursor += 1
        label = Label(
            id=name or f"{of.run}-{meaning}",
            origin=Origin(EDGE, "test", 0),
            edge=EDGE,
            meaning=meaning,
            from_ns=of.started_ns,
            to_ns=of.ended_ns,
            who="test",
            at_ns=at,
            run=of.run,
            withdrawn_by=gone,
        )
        self.store.write(Commit(self._cursor, (), [label], {}))

    def look(self) -> Look:
        entry = self.registry.entry(NAME)
        (found,) = looks(CONFIG, entry, reference_of(entry, self.registry), self.store, now_ns=10_000 * S)
        return found


@pytest.fixture
def benches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Benches]:
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    benches = Benches(tmp_path)
    rng = np.random.default_rng(5)
    learnt = [run(number, rng) for number in range(400)]
    make(Wish(recipe=RECIPE, name=NAME), sheets(run_table(learnt), RECIPE.columns), benches.registry)
    with benches.store:
        yield benches


def test_runs_as_ever_are_as_in_training(benches: Benches) -> None:
    rng = np.random.default_rng(6)
    benches.tested([run(1000 + number, rng) for number in range(150)])
    found = benches.look()
    assert (found.edge, found.device) == (EDGE, WHOLE)
    assert not found.watch.stands, found.watch.worst
    assert {each.what for each in found.watch.findings} >= {"input", "missing", "calibration"}


def test_a_column_that_moved_is_named(benches: Benches) -> None:
    rng = np.random.default_rng(6)
    benches.tested([run(1000 + number, rng, shift=3.0) for number in range(150)])
    standing = [each for each in benches.look().watch.findings if each.stands]
    assert [(each.what, each.channel) for each in standing] == [("input", "S1/torque")]


def test_chances_that_do_not_come_true_are_told(benches: Benches) -> None:
    rng = np.random.default_rng(6)
    benches.tested([run(1000 + number, rng, fails=0.6) for number in range(150)])
    standing = [each for each in benches.look().watch.findings if each.stands]
    assert {each.what for each in standing} == {"calibration"}


def test_chances_of_another_version_are_not_held_against_this_one(benches: Benches) -> None:
    rng = np.random.default_rng(6)
    benches.tested([run(1000 + number, rng, fails=0.6, version=7) for number in range(150)])
    assert not benches.look().watch.stands


def test_chances_of_stopped_runs_are_those_of_the_control_runs_that_stand_for_them(benches: Benches) -> None:
    rng = np.random.default_rng(6)
    runs = [run(1000 + number, rng) for number in range(300)]
    surely = [msgspec.structs.replace(each, state="fail", p_fail=0.95) for each in runs[:40]]
    stops = [msgspec.structs.replace(each, state="aborted", would_stop_at="S1", stopped_at="S1") for each in surely]
    spared = [msgspec.structs.replace(each, control=True, would_stop_at="S1", weight=10.0) for each in surely[:4]]
    benches.tested([*runs[40:], *stops[4:], *spared])
    (z, _) = [each for each in benches.look().watch.findings if each.what == "calibration"]
    assert "for which the 264 stand that were tested to the end" in z.says
    assert not z.stands
    whole = [msgspec.structs.replace(each, state="pass", change=2) for each in spared]
    benches.tested(whole)
    assert {each.what for each in benches.look().watch.findings if each.stands} == {"calibration"}


def test_a_label_that_was_made_later_says_how_a_run_ended_for_the_watch_too(benches: Benches) -> None:
    rng = np.random.default_rng(6)
    runs = [run(1000 + number, rng) for number in range(150)]
    benches.tested(runs)
    assert not benches.look().watch.stands
    for one in [each for each in runs if each.state == "pass"][:60]:
        benches.says(one, "fail", at=one.ended_ns + 1)
    assert {each.what for each in benches.look().watch.findings if each.stands} == {"calibration"}


def learnt_from(benches: Benches, folder: Path, since: Mapping[str, int] = portions.NOT_SINCE) -> Runs:
    held = AtHand(benches.store, taken=lambda runs: portions.evened(runs, since))
    job = Job(kind="train", name=NAME, recipe="", called="", registry="", memory=0, why="", at_ns=10_000 * S)
    (found,) = portions.runs(CONFIG, job, held, folder, start_ns=0)
    return found


def test_a_training_reads_what_the_newest_label_that_stands_says_of_a_run(benches: Benches, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    four = [run(1000 + number, rng) for number in range(4)]
    benches.tested(four)
    benches.says(four[0], "pass", at=10)
    benches.says(four[0], "fail", at=20, name="better")
    benches.says(four[1], "fail", at=10)
    benches.says(four[2], "pass", at=10, gone="ana")
    found = learnt_from(benches, tmp_path)
    assert found.procedure == "servo-a"
    assert set(found.labels) == {"better", "r1001-fail"}
    table = pd.read_parquet(tmp_path / found.file)
    assert dict(zip(table["run"], table["outcome"], strict=True)) == {"r1000": "fail", "r1001": "fail"}


def test_runs_of_after_a_drift_count_together_as_much_as_those_of_before(benches: Benches, tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    every = [run(1000 + number, rng) for number in range(100)]
    benches.tested(every)
    for each in every:
        benches.says(each, "pass", at=each.ended_ns)
    since = {whole_of(EDGE): every[70].started_ns}
    found = learnt_from(benches, tmp_path, since)
    weight = pd.read_parquet(tmp_path / found.file).set_index("run")["weight"]
    assert weight[[each.run for each in every[:70]]].tolist() == [1.0] * 70
    assert weight[[each.run for each in every[70:]]].tolist() == pytest.approx([70 / 30] * 30)
    assert [each.weight for each in portions.evened(every, {whole_of("another"): 0})] == [1.0] * 100
    alone = portions.evened(every[:50], {whole_of(EDGE): every[49].started_ns})
    assert [alone[48].weight, alone[49].weight] == [1.0, portions.MOST_WEIGHT]


def test_a_column_that_moved_is_learnt_from_the_first_run_on_that_showed_it(benches: Benches) -> None:
    rng = np.random.default_rng(6)
    moved = [run(1000 + number, rng, shift=3.0) for number in range(150)]
    benches.tested(moved)
    found = benches.look()
    entry = benches.registry.entry(NAME)
    ringing = Ringing(found.edge, found.device, entry.version, 0, "torque", found.from_ns)
    rule = ModelRule(name=NAME, recipe="bench", retrain=("drift",))
    case = Case(CONFIG, rule, entry, Page(ringing=(ringing,)), benches.store, 10_000 * S)
    due = reason(case)
    assert due.since == {whole_of(EDGE): found.from_ns}
    assert min(each.started_ns for each in moved) < found.from_ns < max(each.started_ns for each in moved)
    assert due.why.endswith("on runs count for more")


def test_ends_of_runs_that_an_edge_delivers_late_count_among_new_labels_once(benches: Benches) -> None:
    rng = np.random.default_rng(9)
    entry = benches.registry.entry(NAME)
    here, late = ([run(number, rng) for number in range(first, first + 5)] for first in (1000, 500))
    benches.tested(here)
    for each in here:
        benches.says(each, "pass", at=each.ended_ns)
    knew = showing.taken_in(Shown(), showing.known(benches.store), entry.manifest.facts.made_at_ns)
    rule = ModelRule(name=NAME, recipe="bench", retrain=("labels",), new_labels=5)
    case = Case(CONFIG, rule, entry, Page(), benches.store, 10_000 * S, shown=knew)
    assert reason(case).why == ""
    benches.tested(late)
    for each in late:
        benches.says(each, "fail", at=each.ended_ns)
    assert reason(case).why == "5 labels are new and 0 were withdrawn since version 1 was trained"
    shown = showing.shown(CONFIG, NAME, benches.store, start_ns=0, end_ns=10_000 * S, since={})
    assert reason(msgspec.structs.replace(case, shown=shown)).why == ""
