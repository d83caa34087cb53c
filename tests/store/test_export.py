import csv
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest

from store.box.box import DuckStore
from store.errors import StoreBrokenError, UnknownDeviceError
from tests.store.plant import NAN, commit, frame, ramp
from wire.messages import Frame

NOON = 1_767_323_045_123_456_789  # 2026-01-02T03:04:05.123456789Z


def test_a_csv_has_iso_times_to_the_nanosecond_and_one_line_a_time(tmp_path: Path) -> None:
    out = tmp_path / "pump.csv"
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, frame("pump", ["flow", 'odd, "name"'], {NOON: [0.1, NAN], NOON + 1: [2.0, 1e-9]})))
        store.write(commit(2, frame("pump", ["heat"], {NOON: [70.5], NOON - 10**9: [-3.0]})))
        assert store.export("pump", out, form="csv") == 3
        assert store.export("pump", tmp_path / "part.csv", form="csv", start_ns=NOON, end_ns=NOON + 1) == 1
        assert store.export("pump", tmp_path / "none.csv", form="csv", start_ns=NOON + 5) == 0
    assert out.read_text(encoding="utf-8") == (
        'time,flow,"odd, ""name""",heat\n'
        "2026-01-02T03:04:04.123456789Z,,,-3\n"
        "2026-01-02T03:04:05.123456789Z,0.1,,70.5\n"
        "2026-01-02T03:04:05.123456790Z,2,1e-9,\n"
    )
    assert (tmp_path / "none.csv").read_text(encoding="utf-8") == 'time,flow,"odd, ""name""",heat\n'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box.duckdb", "none.csv", "part.csv", "pump.csv"]


def test_a_parquet_file_has_the_same_rows_with_times_as_times(tmp_path: Path) -> None:
    out = tmp_path / "pump.parquet"
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, frame("pump", ["flow", "heat"], {NOON: [0.1, NAN], NOON + 1: [2.0, 3.0]})))
        assert store.export("pump", out, form="parquet") == 2
    table = pyarrow.parquet.read_table(out)
    assert table.column_names == ["time", "flow", "heat"]
    assert str(table.schema.field("time").type) == "timestamp[ns, tz=UTC]"
    assert table["time"].cast("int64").to_pylist() == [NOON, NOON + 1]
    assert table["heat"].to_pylist() == [None, 3.0]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_many_pieces_make_one_file_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    # Bursts with long silences between them, out of order, so that equal spans of time hold unequal numbers of rows.
    monkeypatch.setattr("store.export.PIECE_VALUES", 1000)
    rng = np.random.default_rng(2)
    t_ns = np.unique(np.concatenate([rng.integers(s, s + 10**9, 4000) for s in (0, 10**10, 10**17)]))
    values = rng.random(len(t_ns))
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        for number, chosen in enumerate(np.array_split(rng.permutation(len(t_ns)), 5), 1):
            order = np.sort(chosen)
            part = Frame("pump", ("x",), t_ns[order].astype("<i8").tobytes(), values[order].tobytes())
            store.write(commit(number, part))
        out = tmp_path / f"out.{form}"
        assert store.export("pump", out, form="csv" if form == "csv" else "parquet") == len(t_ns)
    if form == "csv":
        with out.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
        times = np.array([row[0].removesuffix("Z") for row in rows], "datetime64[ns]").astype(np.int64)
        found = np.array([float(row[1]) for row in rows])
    else:
        table = pyarrow.parquet.read_table(out)
        times, found = table["time"].cast("int64").to_numpy(), table["x"].to_numpy()
    np.testing.assert_array_equal(times, t_ns)
    np.testing.assert_array_equal(found, values)


def test_an_unknown_device_is_refused_with_names_that_look_like_it(tmp_path: Path) -> None:
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, ramp("pump-1", 0, 1), ramp("pump-2", 0, 1), ramp("mill", 0, 1)))
        with pytest.raises(UnknownDeviceError, match=r"no device 'pmp-1'.*did you mean pump-1, pump-2") as caught:
            store.export("pmp-1", tmp_path / "out.csv", form="csv")
        assert caught.value.near == ("pump-1", "pump-2")
    assert not (tmp_path / "out.csv").exists()


def test_an_export_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old", encoding="utf-8")
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, ramp("pump", 0, 5)))
        store._cursor().execute("DROP VIEW readings_2")
        store._cursor().execute(
            "CREATE VIEW readings_2 AS SELECT set_id, t_ns, CASE WHEN t_ns > 0 THEN error('torn') END AS v0, v1 "
            "FROM fresh_2"
        )
        with pytest.raises(StoreBrokenError, match="torn"):
            store.export("pump", out, form="csv")
    assert out.read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["box.duckdb", "out.csv"]


def test_a_csv_reads_back_as_it_was_stored(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=500) * 10.0 ** rng.integers(-300, 300, 500)
    rows = {NOON + i: [float(v)] for i, v in enumerate(values)}
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, frame("pump", ["x"], rows)))
        store.export("pump", tmp_path / "out.csv", form="csv")
    table = pyarrow.csv.read_csv(tmp_path / "out.csv")
    np.testing.assert_array_equal(table["x"].to_numpy(), values)
