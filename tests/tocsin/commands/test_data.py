import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.processes import until
from store.box.box import DuckStore
from tests.tocsin.plant import DEADLINE_S, QUIET, ROWS, Up, tocsin, up, write
from tocsin.places import store_path
from tocsin.reaching.catalogue import accessed, ledger
from wire.settings import load

RECORDED = "2026-04-01T00:00:00Z"
BIG = 30_000


@pytest.fixture(scope="module")
def mine(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running box that these tests may change."""
    folder = tmp_path_factory.mktemp("mine") / "plant"
    shutil.copytree(recorded, folder)
    with up(write(folder, QUIET)) as box:
        box.ready()
        yield box


def recording(path: Path, rows: int = 200, *, device: str = "") -> Path:
    """A file of an earlier month; one word column, one row without a flow."""
    times = pd.date_range(RECORDED, periods=rows, freq="1s")
    frame = pd.DataFrame({"time": times.strftime("%Y-%m-%dT%H:%M:%SZ"), "flow": np.arange(rows) / 8, "load": 1.5})
    frame["state"] = ["on", "off"] * (rows // 2)
    frame.loc[1, "flow"] = None
    if device:
        frame["device"] = device
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        text = frame.to_csv(index=False)
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def rows_of(config: Path, device: str) -> int:
    with accessed(load(config)) as access:
        return next((each.rows or 0 for each in access.devices() if each.device == device), 0)


def said(*words: str | Path) -> str:
    result = tocsin(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("name", ["old.csv", "old.csv.gz", "old.parquet"])
def test_a_recorded_file_goes_into_a_stopped_box_with_its_own_times_and_the_same_again_changes_nothing(
    stopped: Path, tmp_path: Path, name: str
) -> None:
    file = recording(tmp_path / name)
    told = said("data", "import", file, "--device", "old-pump", "-c", stopped)
    assert f"{file}: 200 rows of old-pump, 2 channels" in told
    assert "state: words are no readings and are left out" in told
    said("data", "import", file, "--device", "old-pump", "-c", stopped)
    loaded = load(stopped)
    with DuckStore(path=store_path(loaded), read_only=True) as store:
        series = store.readings("old-pump", start_ns=0, end_ns=2**63 - 1)
        (account,) = store.accounts()
        assert store.alarms(device="old-pump") == []
        assert {alarm.rule for alarm in store.alarms()} == {"limit:temperature:H", "limit:current:H"}
    assert len(series.t_ns) == 200
    assert series.t_ns[0] == pd.Timestamp(RECORDED).value
    assert series.columns["flow"][:3] == [0.0, None, 0.25]
    assert (account.rows, account.late, account.duplicates) == (ROWS + 200, 200, 1)
    assert account.rows == account.stored
    assert [each.device for each in ledger(loaded).read()] == ["old-pump", "old-pump"]


def test_a_recorded_file_goes_into_a_running_box_in_pieces(mine: Up, tmp_path: Path) -> None:
    file = recording(tmp_path / "big.csv", BIG, device="old-fan")
    said("data", "import", file, "-c", mine.config)
    until(lambda: rows_of(mine.config, "old-fan") == BIG, within_s=DEADLINE_S, what="the rows to be stored")
    out = tmp_path / "back.csv"
    said("data", "export", "--device", "old-fan", "--out", out, "-c", mine.config)
    back, sent = pd.read_csv(out), pd.read_csv(file)
    assert np.array_equal(back["flow"], sent["flow"], equal_nan=True)
    told = json.loads(said("data", "lineage", "back.csv", "--json", "-c", mine.config))
    assert [node["id"] for node in told["made_from"]] == ["device:old-fan"]
    told = json.loads(said("data", "lineage", "device:old-fan", "--json", "-c", mine.config))
    assert [node["id"] for node in told["made_from"]] == [f"file:{file}"]


@pytest.mark.parametrize(
    ("words", "sentence", "code"),
    [
        (("FILE",), "no column 'device'", 1),
        (("FILE", "--device", "x", "--time", "when"), "no column 'when' for the time, but time, flow", 1),
        (("none.csv", "--device", "x"), "none.csv", 1),
        (("FILE", "--device", "x", "--ignore", "*"), "has no column of numbers", 1),
        (("FUTURE", "--device", "x"), "which is yet to come: is time their time?", 1),
    ],
)
def test_what_cannot_be_imported_is_a_sentence(
    stopped: Path, tmp_path: Path, words: tuple[str, ...], sentence: str, code: int
) -> None:
    file, future = recording(tmp_path / "old.csv"), tmp_path / "future.csv"
    future.write_text("time,flow\n2999-01-01T00:00:00Z,1\n2030-01-01T00:00:00Z,2\n")
    typed = [word.replace("FILE", str(file)).replace("FUTURE", str(future)) for word in words]
    result = tocsin("data", "import", *typed, "-c", stopped)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr


def test_a_label_is_made_listed_and_taken_back_on_a_running_and_a_stopped_box(mine: Up, stopped: Path) -> None:
    span = ("--from", "2026-05-01T06:00:20Z", "--to", "2026-05-01T06:00:40Z")
    ids = []
    for config in (mine.config, stopped):
        made = ("--device", "pump-1", *span, "--as", "anomaly", "--who", "Ada", "--comment", "seal", "--json")
        ids.append(json.loads(said("data", "label", *made, "-c", config))["label"])

        def listed(config: Path = config) -> list[dict[str, str]]:
            found: list[dict[str, str]] = json.loads(said("data", "label", "--list", "--json", "-c", config))
            return found

        until(lambda: bool(listed()), within_s=DEADLINE_S, what="the label to be stored")
        (label,) = listed()
        assert (label["meaning"], label["who"], label["from"]) == ("anomaly", "Ada", "2026-05-01T06:00:20Z")
        said("data", "label", *made, "-c", config)
        assert len(listed()) == 1, "the same words are the same label"
        told = said("data", "lineage", f"label:{label['id'][:8]}", "-c", config)
        assert "rows of pump-1 from 2026-05-01T06:00:20Z" in told
        said("data", "label", "--withdraw", label["id"], "--who", "Bo", "--comment", "mistaken", "-c", config)
        until(lambda: listed()[0]["withdrawn_by"] == "Bo", within_s=DEADLINE_S, what="the label to be withdrawn")
        assert "withdrawn by Bo" in said("data", "label", "--list", "-c", config)
        again = said("data", "label", "--withdraw", label["id"], "--who", "Cy", "-c", config)
        assert again.strip() == f"{label['id']} withdrawn by Bo before: that stands"
        assert "anomaly  Ada     0      1" in said("data", "catalogue", "-c", config)
    assert ids[0] == ids[1], "derived alike on either side"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "say one of --as"),
        (("--list", "--as", "normal"), "say one of --as"),
        (("--as", "normal", "--device", "pump-1"), "needs a name: --who"),
        (("--as", "normal", "--who", "Ada", "--device", "pump-1"), "with --from and --to"),
        (("--as", "normal", "--who", "Ada"), "say what is labelled"),
        (("--as", "fail", "--who", "A", "--device", "p", "--from", "2026-05-01", "--to", "2026-05-02"), "only a run"),
        (("--as", "normal", "--who", "A", "--device", "p", "--from", "2026-05-02", "--to", "2026-05-01"), "before"),
        (("--as", "normal", "--who", "A", "--device", "p", "--from", "May", "--to", "2026-05-01"), "--from: expected"),
    ],
)
def test_words_that_are_no_label_are_a_sentence(stopped: Path, words: tuple[str, ...], sentence: str) -> None:
    result = tocsin("data", "label", *words, "-c", stopped)
    assert result.exit_code == 2
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--run", "r-none", "--as", "fail", "--who", "Ada"), "no run 'r-none'"),
        (
            ("--device", "nope", "--from", "2026-05-01", "--to", "2026-05-02", "--as", "normal", "--who", "Ada"),
            "no device 'nope'",
        ),
        (("--withdraw", "nope", "--who", "Ada"), "no label 'nope'"),
    ],
)
def test_a_label_of_what_nobody_knows_is_a_sentence(
    mine: Up, stopped: Path, words: tuple[str, ...], sentence: str
) -> None:
    for config in (mine.config, stopped):
        result = tocsin("data", "label", *words, "-c", config)
        assert result.exit_code == 1
        assert sentence in result.stderr


def test_the_catalogue_and_a_lineage_can_be_read_by_people_and_programs(stopped: Path, tmp_path: Path) -> None:
    assert said("data", "export", "--device", "pump-1", "--out", tmp_path / "may.csv", "-c", stopped)
    text = said("data", "catalogue", "-c", stopped)
    for words in ("DATA SETS", "device:pump-1", "edge edge-1", "CHANNELS", "H 80", "MADE FROM WHAT", "exported ->"):
        assert words in text
    plain = json.loads(said("data", "catalogue", "--json", "-c", stopped))
    assert {"sets", "channels", "features", "models", "labels", "links", "notes"} <= set(plain)
    told = said("data", "lineage", "pump-1", "-c", stopped)
    assert told.startswith("device:pump-1\n")
    assert f"{tmp_path / 'may.csv'} was exported" in told
    result = tocsin("data", "lineage", "pmp", "-c", stopped)
    assert result.exit_code == 1
    assert "nothing here is called 'pmp'" in result.stderr


def test_runs_that_are_not_there_yet_are_a_sentence(mine: Up, stopped: Path, tmp_path: Path) -> None:
    for config in (mine.config, stopped):
        result = tocsin("data", "export", "--runs", "EOL", "--out", tmp_path / "runs.csv", "-c", config)
        assert result.exit_code == 1
        assert "o run of 'EOL' ended pass or fail yet" in result.stderr
    result = tocsin("data", "export", "--out", tmp_path / "runs.csv", "-c", stopped)
    assert (result.exit_code, "--runs PROCEDURE" in result.stderr) == (2, True)


def test_history_of_a_device_that_is_watched_rings_once_and_moves_nothing_live(stopped: Path, tmp_path: Path) -> None:
    def standing() -> tuple[dict[str, str], list[int]]:
        with DuckStore(path=store_path(load(stopped)), read_only=True) as store:
            alarms = {alarm.rule: alarm.summary for alarm in store.alarms(device="pump-1")}
            return alarms, store.scores("pump-1", start_ns=0, end_ns=2**63 - 1).t_ns

    alarms, scored = standing()
    file = tmp_path / "april.csv"
    rows = [f"2026-04-01T00:{at // 60:02}:{at % 60:02}Z,{95 if 100 < at < 200 else 60},10" for at in range(600)]
    file.write_text("\n".join(["time,temperature,current", *rows]))
    said("data", "import", file, "--device", "pump-1", "-c", stopped)
    after, scored_after = standing()
    assert set(after) - set(alarms) == {"late"}
    assert "temperature 95 beyond H 80" in after["late"]
    assert {rule: after[rule] for rule in alarms} == alarms
    assert [at for at in scored_after if at >= scored[0]] == scored
