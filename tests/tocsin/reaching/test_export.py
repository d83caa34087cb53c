import csv
from pathlib import Path

import pyarrow.parquet
import pytest

from store.archive.archive import Archive
from store.archive.place import place
from store.errors import UnknownDeviceError
from tests.store.plant import commit, ramp
from tests.tocsin.plant import ROWS, Up, recording, tocsin
from tocsin.places import archive_root
from tocsin.reaching.export import ExportError, write
from wire.envelope import pack
from wire.ports import Record
from wire.settings import load


def rows_of(path: Path) -> list[tuple[float, ...]]:
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            head, *rows = csv.reader(file)
        assert head == ["time", "temperature", "current"]
        return [(float(a), float(b)) for _, a, b in rows]
    table = pyarrow.parquet.read_table(path).to_pydict()
    assert list(table) == ["time", "temperature", "current"]
    return list(zip(table["temperature"], table["current"], strict=True))


def export(config: Path, out: Path, *more: str) -> str:
    result = tocsin("data", "export", "--device", "pump-1", "--out", out, "-c", config, *more)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_running_and_a_stopped_box_give_the_same_rows(
    running: Up, stopped: Path, tmp_path: Path, suffix: str
) -> None:
    from_running, from_stopped = tmp_path / f"running.{suffix}", tmp_path / f"stopped.{suffix}"
    assert export(running.config, from_running) == f"{from_running}: {ROWS} rows of pump-1\n"
    assert export(stopped, from_stopped) == f"{from_stopped}: {ROWS} rows of pump-1\n"
    assert from_running.read_bytes() == from_stopped.read_bytes()
    expected = [tuple(map(float, line.split(",")[1:])) for line in recording().splitlines()[1:]]
    assert rows_of(from_stopped) == expected
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == (
        ["running.csv", "stopped.csv"] if suffix == "csv" else []
    )


def test_from_and_to_cut_out_a_stretch(running: Up, stopped: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut.csv"
    for config in (running.config, stopped):
        # Without a zone a time is UTC; the end does not belong to it.
        span = ("--from", "2026-05-01T06:00:20", "--to", "2026-05-01T08:00:30+02:00")
        assert "20 rows" in export(config, out, *span)
        times = [line.split(",")[0] for line in out.read_text().splitlines()[1:]]
        assert (times[0], times[-1]) == ("2026-05-01T06:00:20.000000000Z", "2026-05-01T06:00:29.500000000Z")
        assert f"{ROWS} rows" in export(config, out, "--to", "9999-12-31")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--device", "pump-2", "--out", "DIR/x.csv"), "pump-2"),
        (("--device", "pump-1", "--out", "DIR/x.xlsx"), "name a file that ends in .csv or .parquet"),
        (("--device", "pump-1", "--out", "DIR/x.csv", "--from", "May"), "--from: expected a time such as"),
        (("--device", "pump-1", "--out", "DIR/none/x.csv"), "none/x.csv cannot be written: No such file or directory"),
    ],
)
def test_what_cannot_be_exported_is_a_sentence(
    running: Up, stopped: Path, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    for config in (running.config, stopped):
        result = tocsin("data", "export", "-c", config, *(word.replace("DIR", str(tmp_path)) for word in words))
        of_usage = "--from" in sentence or "ends in" in sentence
        assert (result.exit_code, result.stdout) == (2 if of_usage else 1, "")
        assert sentence in result.stderr
        assert result.stderr.startswith("tocsin: ")
    assert not [path for path in tmp_path.rglob("*") if "x." in path.name], "nothing half written stays behind"


def test_a_box_that_never_ran_has_nothing_to_export(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text('[[edge.sources]]\ntype = "host"\n')
    result = tocsin("data", "export", "--device", "d", "--out", tmp_path / "d.csv", "-c", config)
    assert result.exit_code == 1
    assert "start the box once with `tocsin up`" in result.stderr


def test_a_config_that_is_wrong_is_explained(tmp_path: Path) -> None:
    result = tocsin("data", "export", "--device", "d", "--out", tmp_path / "d.csv", "-c", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "there is no such file" in result.stderr


FLEET = 'bus = "kafka://127.0.0.1:1"\nstore = "influxdb://127.0.0.1:1/tocsin"\narchive = "kept"\n'
BOX = 'archive = "kept"\n[[edge.sources]]\ntype = "host"\n'


def test_a_fleets_rows_come_from_its_archive_and_a_boxs_if_so_asked(tmp_path: Path) -> None:
    config, out = tmp_path / "tocsin.toml", tmp_path / "d.csv"
    config.write_text(FLEET)
    (batch,) = commit(1, ramp("pump", 0, 9)).batches
    Archive(place(archive_root(load(config))), cut_offsets=1).take([Record("", 0, 0, b"", pack(batch), 0)])
    result = tocsin("data", "export", "--device", "pump", "--out", out, "-c", config)
    assert (result.exit_code, result.stdout) == (0, f"{out}: 9 rows of pump\n")
    lines = out.read_text().splitlines()
    assert (lines[0], len(lines), lines[-1].split(",")[1:]) == ("time,c0,c1", 10, ["8", "8"])
    config.write_text(BOX)
    assert write(config, device="pump", out=tmp_path / "d.parquet", start="", end="", archive=True) == 9
    with pytest.raises(ExportError, match=r"no device 'pmp'.*did you mean pump") as caught:
        write(config, device="pmp", out=out, start="", end="", archive=True)
    assert isinstance(caught.value.__cause__, UnknownDeviceError)


def test_an_archive_that_is_not_there_yet_is_a_sentence(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text(FLEET)
    result = tocsin("data", "export", "--device", "pump", "--out", tmp_path / "d.csv", "-c", config)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"nothing is archived at {tmp_path / 'kept'} yet" in result.stderr
    assert list(tmp_path.iterdir()) == [config]
