import logging
import os
import subprocess
import sys
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from sqlite3 import connect

import numpy as np
import pytest

from models.contract import Task
from models.fitting.mlflow_runs import flat
from models.fitting.tracking import SWITCH, Beside, Mlflow, Untracked, tracker, tracking
from models.fitting.training import train
from models.recipe import Recipe
from models.registry.folder import Entry, Registry
from models.registry.manifest import Data, Facts, Source
from models.table import Stretch, Table

needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="the extra mlflow is not installed")
ROOT = Path(__file__).parent.parent.parent.parent
RECIPE = Recipe(task=Task.ANOMALY, estimator={"kind": "mahalanobis"}, seed=4, search={"seed": (1, 2)})
FACTS = Facts(
    made_at_ns=1_700_000_000_000_000_000,
    data=Data(sha256="ab" * 32, rows=60, sources=(Source(name="data/pump.csv", sha256="cd" * 32, rows=60),)),
    metrics={"held_out.f1": 0.75, "held_out.far": None},
    warnings=("few rows",),
)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry.open(f"{tmp_path}/models")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all, for MLflow takes 10 s to make its tables."""
    return tmp_path_factory.mktemp("mlflow") / "mlflow.db"


def stored(registry: Registry, name: str = "pump") -> Entry:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    stretch = Stretch(name="a", t_ns=np.arange(60, dtype=np.int64) * 10**9, rows=rows)
    model = train(RECIPE, Table(channels=("a", "b"), stretches=(stretch,)), name=name).model
    return registry.save(model, RECIPE, FACTS, files={"card.md": b"# pump", "scores.png": b"png"})


def test_a_recipe_is_told_by_dotted_names() -> None:
    said = dict(flat({"a": [1, 2], "b": [{"c": True}, {"c": None}], "what?": 1.5}))
    assert said == {"a": "[1, 2]", "b.0.c": "True", "what_": "1.5"}


@needs_mlflow
@pytest.mark.parametrize(("value", "kind"), [("off", Untracked), (" No ", Untracked), ("", Mlflow), ("on", Mlflow)])
def test_it_is_switched_off_by_a_variable(value: str, kind: type) -> None:
    assert isinstance(tracker({SWITCH: value}), kind)
    assert isinstance(tracker({}), Mlflow)


def test_where_nothing_is_tracked_nothing_is_told(registry: Registry) -> None:
    assert Untracked().log(stored(registry), registry) == ""


def test_asking_for_a_tracker_does_not_load_mlflow() -> None:
    program = "import sys; from models.fitting.tracking import tracker; tracker(); print('mlflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@needs_mlflow
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of libraries that mlflow loads
def test_a_training_is_found_in_mlflow_with_all_that_belongs_to_it(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    before = dict(os.environ)
    entry = stored(registry)
    at = Mlflow().log(entry, registry)
    assert dict(os.environ) == before
    mlflow = import_module("mlflow")  # only now: until then it would have reported its use
    client = mlflow.MlflowClient()
    run = client.get_run(at)
    assert client.get_experiment(run.info.experiment_id).name == "pump"
    assert (run.info.run_name, run.info.status) == ("pump 1", "FINISHED")
    assert run.data.params["estimator.kind"] == "mahalanobis"
    assert run.data.params["seed"] == "4"
    assert run.data.metrics == {"held_out.f1": 0.75}
    assert run.data.tags["tocsin.data"] == "ab" * 32
    assert run.data.tags["mlflow.note.content"] == "# pump"
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("data/pump.csv", ("cd" * 32)[:36])
    assert {file.path for file in client.list_artifacts(at)} == {
        "card.md",
        "manifest.json",
        "payload.skops",
        "scores.png",
    }
    with mlflow.start_run() as outer:  # as in a notebook
        inner = client.get_run(Mlflow().log(stored(registry), registry))
    assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert inner.info.experiment_id == outer.info.experiment_id


@needs_mlflow
@pytest.mark.slow
def test_a_process_of_its_own_tells_mlflow_as_well_and_its_failures_are_warnings(
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    database: Path,
) -> None:
    entry, store = stored(registry, "fan"), f"sqlite:///{database}"
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    (tmp_path / "models/__init__.py").write_text("raise ImportError")  # a person's own, where the command is typed
    monkeypatch.chdir(tmp_path)
    with tracking({**os.environ, "MLFLOW_TRACKING_URI": store}) as there:
        assert isinstance(there, Beside)
        assert there.log(entry, registry)
    with closing(connect(database)) as rows:
        states = rows.execute("SELECT status FROM runs WHERE name = 'fan 1'").fetchall()
    assert states == [("FINISHED",)]
    with tracking({**os.environ, "MLFLOW_TRACKING_URI": "nonsense://x"}) as there:
        assert there.log(entry, registry) == ""
    assert "fan 1 is stored, but MLflow was not told: " in caplog.text


@needs_mlflow
def test_a_training_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    monkeypatch.chdir(tmp_path)

    def fail() -> None:
        with tracking(dict(os.environ)) as there:
            assert isinstance(there, Beside)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_where_it_is_switched_off_no_process_is_started() -> None:
    with tracking({SWITCH: "off"}) as there:
        assert isinstance(there, Untracked)


@needs_mlflow
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_store_that_cannot_be_reached_is_one_warning(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    entry = stored(registry)
    with caplog.at_level(logging.WARNING, logger="models.fitting.tracking"):
        assert Mlflow().log(entry, registry) == ""
    (record,) = [each for each in caplog.records if each.name == "models.fitting.tracking"]
    assert record.getMessage().startswith("pump 1 is stored, but MLflow was not told: ")
    assert registry.load("pump").version == 1
