import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest

import tocsin
from models.recipe import Recipe, parse
from store.archive.archive import Archive
from store.archive.place import place
from tests.store.plant import commit, ramp
from tests.tocsin import bench
from tests.tocsin.plant import ROWS, Up, page
from wire.envelope import pack
from wire.ports import Record

ANOMALY = parse(bench.ANOMALY)


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_REGISTRY", str(tmp_path / "models"))
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")


def test_importing_tocsin_loads_nothing_heavy_until_it_is_asked() -> None:
    program = (
        "import sys, tocsin; before = 'numpy' in sys.modules; "
        "assert 'train' in dir(tocsin); tocsin.train; print(before, 'numpy' in sys.modules)"
    )
    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert asked.stdout.split() == ["False", "True"]


def test_every_name_that_tocsin_offers_is_there() -> None:
    assert all(hasattr(tocsin, name) for name in tocsin.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        tocsin.trian  # noqa: B018 -- asking is the act


def test_a_frame_is_fitted_scored_and_judged_without_a_file() -> None:
    model = tocsin.train(ANOMALY, bench.pump().drop(columns="fault"))
    frame = bench.pump(worn_from=400).set_index("time")
    scores = tocsin.score(model, frame)
    assert scores.index.equals(frame.index)
    assert scores["alarm"].iloc[420:].mean() > 0.9
    figures = tocsin.evaluate(model, frame)
    assert figures["value"].to_dict()["f1"] > 0.9
    assert set(figures["of"]) == {"model", "trivial"}
    assert list(figures.columns) == ["value", "low", "high", "of"]


def test_a_frame_without_a_time_is_scored_in_the_order_of_its_rows() -> None:
    frame = bench.pump().drop(columns=["fault", "time"])
    scores = tocsin.score(tocsin.train(ANOMALY, frame), frame)
    assert list(scores.columns[:3]) == ["score", "threshold", "alarm"]
    assert len(scores) == len(frame)


def test_several_frames_are_stretches_of_their_own() -> None:
    frames = [bench.pump(seed=seed, rows=200) for seed in (1, 2)]
    one = tocsin.train(ANOMALY, frames, name="pump")
    other = tocsin.train(ANOMALY, {"north": frames[0], "south": frames[1]})
    new = bench.pump(worn_from=400)
    pd.testing.assert_frame_equal(tocsin.score(one, new), tocsin.score(other, new))
    assert one.entry is not None
    assert [source.rows for source in one.entry.manifest.facts.data.sources] == [200, 200]


def test_a_stored_model_is_used_by_name_and_scores_as_the_one_in_hand() -> None:
    model = tocsin.train(ANOMALY, bench.pump(), name="pump", owner="Ada")
    new = bench.pump(worn_from=400)
    pd.testing.assert_frame_equal(tocsin.score("pump", new), tocsin.score(model, new))
    assert tocsin.load("pump@1").recipe == model.recipe
    again = tocsin.train(ANOMALY, bench.pump(), name="pump", seed=7)
    assert again.recipe.seed == 7
    table = tocsin.compare(["pump@1", "pump@2"], new)
    assert list(table.columns) == ["pump@1", "pump@2"]
    assert table["pump@1"].to_dict()["f1"] > 0.9


def test_the_same_numbers_score_the_same_from_a_file_and_from_a_frame(tmp_path: Path) -> None:
    model = tocsin.train(ANOMALY, bench.pump())
    frame = bench.pump(worn_from=400)
    path = bench.put(tmp_path / "june.csv", frame)
    from_file, from_frame = tocsin.score(model, path), tocsin.score(model, frame)
    assert from_file["score"].to_numpy().tobytes() == from_frame["score"].to_numpy().tobytes()


def test_what_a_person_should_know_is_a_warning() -> None:
    model = tocsin.train(ANOMALY, bench.pump())
    with pytest.warns(tocsin.TocsinWarning, match="flow: not in the data, taken as missing"):
        tocsin.score(model, bench.pump().drop(columns="flow"))


def test_a_recipe_must_be_trained_unless_it_learns_by_itself() -> None:
    scores = tocsin.score(parse(bench.ONLINE), bench.pump(worn_from=400).drop(columns="fault"))
    assert scores["alarm"].iloc[400:].max() == 1
    with pytest.raises(tocsin.ModelError, match="must be trained first"):
        tocsin.score(ANOMALY, bench.pump())
    with pytest.raises(tocsin.ModelError, match="has no model 'none'"):
        tocsin.score("none", bench.pump())
    with pytest.raises(tocsin.ReadingError, match="expected a pandas DataFrame"):
        tocsin.train(ANOMALY, cast("pd.DataFrame", {"a": 1}))


def test_a_search_is_asked_for_by_number() -> None:
    frames = [bench.pump(seed=seed, rows=300, worn_from=200) for seed in range(3)]
    with pytest.warns(tocsin.TocsinWarning, match="labelled as anomalous"):
        model = tocsin.train(ANOMALY, frames, name="pump", search=2)
    assert isinstance(model.recipe, Recipe)
    assert model.entry is not None
    assert "held_out.f1" in model.entry.manifest.facts.metrics


def test_readings_come_from_a_running_box_a_stopped_one_and_a_config(running: Up, stopped: Path) -> None:
    whole = tocsin.read(page(running.config), "pump-1")
    assert list(whole.columns) == ["time", "temperature", "current"]
    assert len(whole) == ROWS
    assert str(whole["time"].dtype) == "datetime64[ns, UTC]"
    for url in (f"duckdb:{stopped.parent}/data/tocsin.duckdb", str(stopped), str(running.config)):
        pd.testing.assert_frame_equal(tocsin.read(url, "pump-1"), whole)
    begin, end = whole["time"].iloc[10], "2026-05-01T06:00:10Z"
    part = tocsin.read(stopped, "pump-1", begin, end)
    pd.testing.assert_frame_equal(part, whole[10:20].reset_index(drop=True))
    with pytest.raises(tocsin.ReadingError, match="pump-9"):
        tocsin.read(stopped, "pump-9")
    with pytest.raises(tocsin.ReadingError, match="no box answers"):
        tocsin.read("http://127.0.0.1:1", "pump-1")
    with pytest.raises(tocsin.ReadingError, match="name a device as well"):
        tocsin.read(page(running.config))
    with pytest.raises(tocsin.ReadingError, match="asked over http://"):
        tocsin.read("https://127.0.0.1", "pump-1")
    with pytest.raises(tocsin.ReadingError, match="expected a time such as"):
        tocsin.read(stopped, "pump-1", "yesterday")


def test_readings_come_from_an_archive(tmp_path: Path) -> None:
    (batch,) = commit(1, ramp("pump-1", 0, 5)).batches
    Archive(place(str(tmp_path / "archive")), cut_offsets=1).take([Record("", 0, 0, b"", pack(batch), 0)])
    assert len(tocsin.read(tmp_path / "archive", "pump-1")) == 5


def test_readings_come_from_a_file_of_one_device_or_of_many(tmp_path: Path) -> None:
    both = pd.concat([bench.pump(rows=5, device="pump-1"), bench.pump(seed=2, rows=5, device="pump-2")])
    both.to_parquet(tmp_path / "both.parquet")
    one = tocsin.read(tmp_path / "both.parquet", "pump-2", end=datetime(2026, 5, 1, 6, 0, 3, tzinfo=UTC))
    assert len(one) == 3
    assert "device" not in one
    np.testing.assert_array_equal(one["flow"], bench.pump(seed=2, rows=3)["flow"])
    with pytest.raises(tocsin.ReadingError, match="no row of pump-3"):
        tocsin.read(tmp_path / "both.parquet", "pump-3")
