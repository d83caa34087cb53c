"""What others read from an archive: DuckDB, pandas, pyarrow, `tocsin data export`."""

from pathlib import Path
from typing import Literal

import duckdb
import numpy as np
import pyarrow.parquet
import pytest

from store.archive.archive import Archive
from store.archive.errors import ArchiveBrokenError, ArchiveError
from store.archive.manifest import Manifest
from store.archive.place import Folder, Place, place
from store.archive.reading import ArchiveReader
from store.box.box import DuckStore
from store.errors import UnknownDeviceError
from store.series import merged
from tests.store.archive.pieces import START_NS, STEP_NS, batch, frame, record, stream
from tests.store.plant import commit
from wire.config import DAY_NS
from wire.messages import Batch

RECORDS = stream(60)
BATCHES = 60


@pytest.fixture
def kept(tmp_path: Path) -> Folder:
    there = Folder(tmp_path / "archive")
    writer = Archive(there, cut_offsets=10)
    writer.take(RECORDS)
    writer.tend(now=True)
    return there


def test_duckdb_reads_the_folder_as_it_is_and_the_sums_agree_with_the_manifest(kept: Folder) -> None:
    cuts = list(Manifest(kept).cuts())
    query = (
        "SELECT count(*), sum(value), count(DISTINCT day), bool_or(late), count(value) "
        "FROM read_parquet(?, hive_partitioning=1)"
    )
    lines, total, days, late, present = duckdb.execute(query, [f"{kept}/day=*/*.parquet"]).fetchall()[0]
    assert (lines, days, late) == (sum(cut.values for cut in cuts), 2, True)
    batches = sum(cut.batches for cut in cuts)
    assert present == lines - 2 * batches  # one missing value a frame, and the row is there all the same
    at = np.arange(batches)[:, None] * 4 + np.arange(4)
    both = (at * 2 + 0.125).sum() - (at[:, 0] + 0.125).sum()
    three = at[2::3] * 3 + 0.375
    others = at[[n for n in range(batches) if n % 3 != 2]]
    mill = (others * 2 + 0.125).sum() - (others[:, 0] + 0.125).sum() + three.sum() - (at[2::3, 0] + 0.25).sum()
    assert total == pytest.approx(both + mill)
    kinds = duckdb.execute(
        f"SELECT kind, count(*) FROM '{kept}/events/day=*/*.parquet' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert kinds == [("source-state", batches // 5), ("text", batches // 5)]


def test_pandas_reads_the_folder_as_it_is(kept: Folder, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.concat([pandas.read_parquet(path) for path in sorted(Path(str(kept)).glob("day=*/*.parquet"))])
    assert len(frame) == sum(cut.values for cut in Manifest(kept).cuts())
    assert str(frame["time"].dt.tz) == "UTC"
    out = tmp_path / "pump.parquet"
    pump = frame[(frame.device == "pump") & (frame.channel == "flow")]
    exact = (pump["time"].astype("datetime64[ns, UTC]") + pandas.to_timedelta(pump["ns"], "ns")).astype("int64")
    ArchiveReader(kept).export("pump", out, form="parquet")
    assert set(exact) <= set(pyarrow.parquet.read_table(out)["time"].cast("int64").to_pylist())


def test_times_have_the_unit_that_spark_reads_too(kept: Folder) -> None:
    found = {str(pyarrow.parquet.read_schema(path).field("time").type) for path in Path(str(kept)).glob("**/*.parquet")}
    assert found == {"timestamp[us, tz=UTC]"}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_export_has_the_rows_that_the_box_exports_finished_or_open(
    kept: Folder, tmp_path: Path, form: Literal["csv", "parquet"]
) -> None:
    ours, theirs = tmp_path / f"a.{form}", tmp_path / f"b.{form}"
    spans = [(0, 2**63 - 1), (START_NS + 7 * STEP_NS, START_NS + 100 * STEP_NS), (0, START_NS), (START_NS + 300, 2**62)]
    with DuckStore(path=tmp_path / "box.duckdb") as store:
        store.write(commit(1, *[one for seq in range(1, BATCHES + 1) for one in batch(seq).frames]))
        for start_ns, end_ns in spans:
            for device in ("pump", "mill"):
                done = ArchiveReader(kept).export(device, ours, form=form, start_ns=start_ns, end_ns=end_ns)
                assert done == store.export(device, theirs, form=form, start_ns=start_ns, end_ns=end_ns)
                if done:
                    assert _told(ours) == _told(theirs)


def _told(path: Path) -> object:
    if path.suffix == ".csv":
        head, *lines = path.read_text().splitlines()
        names = head.split(",")
        return sorted(names), [dict(zip(names, line.split(","), strict=True)) for line in lines]
    table = pyarrow.parquet.read_table(path)
    return {name: table[name].to_pylist() for name in table.column_names if name != "time"}, table["time"].cast("int64")


def test_rows_that_came_late_are_in_their_place_and_partial_rows_are_one(tmp_path: Path) -> None:
    there = Folder(tmp_path)

    def with_rows(seq: int, row: int, *channels: str) -> Batch:
        return Batch("edge", "a" * 32, seq, START_NS + seq, frames=(frame("pump", row, channels=channels),))

    Archive(there, cut_offsets=1).take(
        [
            record(n, with_rows(n + 1, row, *names))
            for n, (row, names) in enumerate([(100, "ab"), (2, "ab"), (101, "bc"), (0, "ab"), (500, "c"), (3, "d")])
        ]
    )
    stretch = ArchiveReader(there).rows("pump")
    pieces = list(stretch.pieces)
    whole = merged(pieces, len(stretch.channels))
    assert sum(len(piece.t_ns) for piece in pieces) == len(np.unique(whole.t_ns)) == 16
    assert np.array_equal(np.concatenate([piece.t_ns for piece in pieces]), whole.t_ns)
    assert len(pieces) > 1


def test_a_device_that_is_not_there_is_refused_with_names_that_look_like_it(kept: Folder, tmp_path: Path) -> None:
    with pytest.raises(UnknownDeviceError, match="did you mean pump"):
        ArchiveReader(kept).export("pmp", tmp_path / "x.csv", form="csv")
    assert not (tmp_path / "x.csv").exists()


def test_a_damaged_file_is_named(kept: Folder, tmp_path: Path) -> None:
    path = min(Path(str(kept)).glob("day=*/*"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ArchiveError, match=f"{path.name} cannot be read .*--check --deep"):
        ArchiveReader(kept).export("pump", tmp_path / "x.csv", form="csv")
    assert not (tmp_path / "x.csv").exists()


def test_only_files_of_the_days_asked_for_are_opened(kept: Folder) -> None:
    class Watched(Folder):
        opened: list[str] = []  # noqa: RUF012 -- of this test alone

        def open(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
            self.opened.append(name)
            return super().open(name)

    watched = Watched(Path(str(kept)))
    midnight = START_NS // DAY_NS * DAY_NS + DAY_NS
    for piece in ArchiveReader(watched).rows("pump", start_ns=midnight, end_ns=midnight + 10**9).pieces:
        assert piece.t_ns.min() >= midnight
    assert 1 <= len(watched.opened) <= 2


def test_an_archive_lies_wherever_fsspec_reaches() -> None:
    there = place("memory://plant/archive")
    writer = Archive(there, cut_offsets=10)
    writer.take(RECORDS[:25])
    writer.tend(now=True)
    Archive(there, cut_offsets=10).take(RECORDS[20:45])
    assert [cut.first for cut in Manifest(there).cuts()] == [0, 10, 20, 30]
    assert [name for name in there.names("") if name.startswith("open/")] == []
    found = merged(list(ArchiveReader(there).rows("pump").pieces), 2)
    assert len(np.unique(found.t_ns)) == len(found.t_ns) == 4 * sum(cut.batches for cut in Manifest(there).cuts())
    check_place(there)


def test_a_folder_is_such_a_place_too(tmp_path: Path) -> None:
    check_place(place(f"file://{tmp_path}"))
    check_place(place(str(tmp_path / "other")))


def check_place(there: Place) -> None:
    assert there.get("x/none") is None
    assert there.names("none") == []
    there.remove("x/none")
    there.put("x/y/one", b"1")
    there.put("x/y/one", b"2")
    assert (there.get("x/y/one"), there.names("x")) == (b"2", ["x/y/one"])
    there.remove("x/y/one")
    assert there.get("x/y/one") is None
    with pytest.raises(ArchiveError, match="cannot be read"):
        there.open("x/none")


def test_a_place_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArchiveBrokenError, match='archive = "nowhere://x" cannot be used'):
        place("nowhere://x")
    (tmp_path / "file").write_text("")
    with pytest.raises(ArchiveError, match="cannot be written"):
        Folder(tmp_path / "file").put("x", b"")
