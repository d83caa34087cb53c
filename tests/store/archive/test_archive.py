"""What comes out of an archive, whatever the pieces, restarts and failures were that it was written in."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.archive.archive import Archive
from store.archive.errors import ArchiveBrokenError, ArchiveError
from store.archive.manifest import Manifest
from store.archive.place import Folder
from tests.store.archive.pieces import LOG, batch, record, split, stream, tree
from wire.config import DAY_NS
from wire.messages import Action, Tick, Verb
from wire.ports import Entry, Record

CUT = 10
RECORDS = stream(60)


@contextmanager
def folder() -> Iterator[Folder]:
    path = Path(tempfile.mkdtemp())
    try:
        yield Folder(path)
    finally:
        shutil.rmtree(path)


def archive(place: Folder, **more: float) -> Archive:
    return Archive(place, cut_offsets=CUT, hold_s=more.get("hold_s", 1e9), cut_bytes=int(more.get("cut_bytes", 10**9)))


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    with folder() as place:
        archive(place).take(RECORDS)
        return tree(place)


class Broken(Folder):
    """A folder whose disk fails at chosen moments."""

    def __init__(self, root: Path, fails: set[int]) -> None:
        super().__init__(root)
        self._fails = fails
        self.calls = 0

    def put(self, name: str, body: bytes) -> None:
        self._fail()
        super().put(name, body)

    def get(self, name: str) -> bytes | None:
        self._fail()
        return super().get(name)

    def names(self, under: str) -> list[str]:
        self._fail()
        return super().names(under)

    def remove(self, name: str) -> None:
        self._fail()
        super().remove(name)

    def _fail(self) -> None:
        self.calls += 1
        if self.calls in self._fails:
            msg = "input/output error"
            raise ArchiveError(msg)


def test_every_record_is_accounted_for_and_every_row_is_there_once(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    archive(place).take(RECORDS)
    cuts = list(Manifest(place).cuts())
    assert [(cut.first, cut.end) for cut in cuts] == [(n, n + CUT) for n in range(0, len(RECORDS) // CUT * CUT, CUT)]
    for cut in cuts:
        assert cut.records == cut.batches + cut.resent + cut.unreadable == CUT
        assert cut.rows == 8 * cut.batches
    batches = sum(cut.batches for cut in cuts)
    found = duckdb.execute(f"SELECT count(*), count(DISTINCT (time, ns)) FROM '{tmp_path}/day=*/*.parquet' "
                       "WHERE device = 'pump' AND channel = 'flow'").fetchall()  # fmt: skip
    assert found == [(4 * batches, 4 * batches)]
    assert len({part.day for cut in cuts for part in cut.files}) == 2


@settings(max_examples=25, deadline=None)
@given(
    at=st.lists(st.integers(0, 10**6), max_size=12),
    crashes=st.lists(st.booleans(), min_size=12, max_size=12),
    shows=st.booleans(),
)
def test_files_are_the_same_bytes_however_the_reads_were_split_and_wherever_it_was_restarted(
    whole: dict[str, bytes], at: list[int], crashes: list[bool], *, shows: bool
) -> None:
    with folder() as place:
        committed, writer = 0, archive(place)
        todo = list(split(RECORDS, at))
        for number, piece in enumerate(todo):
            writer.take(piece)
            if shows:
                writer.tend(now=True)
            for done in writer.finished():
                committed = done.offset + 1
            if crashes[number % 12]:
                writer = archive(place)  # what was held is gone; the bus gives again what was not committed
                writer.take(RECORDS[committed : piece[-1].offset + 1])
        assert tree(place) == whole


@settings(max_examples=60, deadline=None)
@given(
    fails=st.sets(st.integers(1, 150), max_size=40),
    restarts=st.booleans(),
    at=st.lists(st.integers(0, 10**6), max_size=6),
)
def test_what_fails_is_done_again_and_a_kill_between_files_and_manifest_leaves_nothing_wrong_behind(
    whole: dict[str, bytes], fails: set[int], at: list[int], *, restarts: bool
) -> None:
    with folder() as kept:
        place = Broken(Path(str(kept)), fails)
        committed, writer = 0, archive(place)
        for piece in split(RECORDS, at):
            pending = piece
            while True:
                try:
                    writer.take(pending)
                    writer.tend(now=True)
                    break
                except ArchiveError:
                    if restarts:
                        writer = archive(place)
                        pending = RECORDS[committed : piece[-1].offset + 1]
            for done in writer.finished():
                committed = done.offset + 1
        assert tree(kept) == whole


def test_two_that_share_a_partition_in_turns_write_what_one_would_have_written(whole: dict[str, bytes]) -> None:
    with folder() as place:
        one, two = archive(place), archive(place)
        one.take(RECORDS[:25])
        two.take(RECORDS[20:47])  # the bus gave the partition to the other, from the last commit on
        one.tend(now=True)  # it does not know yet
        one.take(RECORDS[40:])
        two.tend(now=True)
        one.take(RECORDS[:3])
        one.take(RECORDS[60:])
        assert tree(place) == whole


def test_one_that_was_cut_off_cannot_spoil_what_another_has_finished(whole: dict[str, bytes]) -> None:
    with folder() as place:
        slow, quick = archive(place), archive(place)
        slow.take(RECORDS[:7])
        quick.take(RECORDS)
        slow.tend(now=True)
        slow.take(RECORDS[7:12])
        assert tree(place) == whole
        assert list(Manifest(place).open_cuts()) == []


def test_what_is_committed_is_never_past_a_finished_cut(tmp_path: Path) -> None:
    writer = archive(Folder(tmp_path))
    writer.take(RECORDS[:19])
    assert [done.offset for done in writer.finished()] == [9]
    assert writer.finished() == []
    writer.take(RECORDS[:15])  # after a commit that failed, and a rebalance
    assert [done.offset for done in writer.finished()] == [9]
    assert writer.held()[0] == 5


def test_what_waits_too_long_is_shown_under_open_and_goes_when_its_cut_is_whole(tmp_path: Path) -> None:
    place, now = Folder(tmp_path), [0.0]
    writer = Archive(place, cut_offsets=CUT, hold_s=60, clock_s=lambda: now[0])
    writer.take(RECORDS[:4])
    now[0] = 59
    writer.tend()
    assert tree(place, final=False) == {}
    assert writer.held() == (4, 59)
    now[0] = 60
    writer.tend()
    assert [(cut.first, cut.end) for cut in Manifest(place).open_cuts()] == [(0, 4)]
    assert not list(tmp_path.glob("day=*"))
    assert writer.held() == (4, 0)
    writer.take(RECORDS[4:6])
    now[0] = 120
    writer.tend()
    (opened,) = Manifest(place).open_cuts()
    assert (opened.end, len(opened.files)) == (6, len(list(tmp_path.glob("open/**/*.parquet"))))
    writer.take(RECORDS[6:10])
    assert all(not name.startswith("open/") for name in place.names(""))


def test_where_the_bus_forgot_what_lies_under_open_that_becomes_a_cut(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    writer = archive(place)
    writer.take(RECORDS[:14])
    writer.tend(now=True)
    again = archive(place)
    again.take(RECORDS[17:31])  # the rest was deleted while the archive was away
    cuts = list(Manifest(place).cuts())
    assert [(cut.first, cut.end, cut.records) for cut in cuts] == [(0, 10, 10), (10, 14, 4), (14, 20, 3), (20, 30, 10)]
    assert again.tally.missing == 3
    for cut in cuts:
        assert all(tmp_path.joinpath(part.name).stat().st_size == part.bytes for part in cut.files)


def test_a_topic_that_was_made_anew_is_not_taken_for_a_repetition(tmp_path: Path) -> None:
    archive(Folder(tmp_path)).take(RECORDS[:20])
    fresh = msgspec.structs.replace(RECORDS[0], at_ns=RECORDS[19].at_ns + DAY_NS)
    with pytest.raises(ArchiveBrokenError, match=r"counts its offsets anew.*name another `archive`"):
        archive(Folder(tmp_path)).take([fresh])


def test_a_topic_that_was_made_anew_within_a_second_is_told_at_its_first_record(tmp_path: Path) -> None:
    archive(Folder(tmp_path)).take(RECORDS[:20])
    for offset in (0, 11):
        anew = msgspec.structs.replace(RECORDS[offset], at_ns=RECORDS[19].at_ns + 1)
        with pytest.raises(ArchiveBrokenError, match="counts its offsets anew"):
            archive(Folder(tmp_path)).take([anew])


def test_a_cut_ends_early_when_its_records_are_large(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    size = len(RECORDS[0].body)
    writer = archive(place, cut_bytes=3 * size)
    for one in RECORDS[:20]:
        writer.take([one])
        assert writer.held()[0] <= 3 + 1
    again = Folder(tmp_path / "again")
    archive(again, cut_bytes=3 * size).take(RECORDS[:20])
    assert tree(again) == {name: body for name, body in tree(place).items() if not name.startswith("again/")}


def test_a_batch_comes_in_once_though_it_fills_a_hole_or_its_log_was_put_back(tmp_path: Path) -> None:
    later = msgspec.structs.replace(batch(2), clock_ns=batch(9).clock_ns)
    sent = [batch(1), batch(4), batch(2), batch(2), batch(4), batch(3), later, batch(1, log="b" * 32), batch(1), later]
    place = Folder(tmp_path)
    for at in range(0, 10, 2):  # each in a cut of its own: the marks go from one to the next
        Archive(place, cut_offsets=2).take([record(n, sent[n]) for n in range(at, at + 2)])
    cuts = list(Manifest(place).cuts())
    assert [cut.batches for cut in cuts] == [2, 1, 1, 2, 0]
    assert [(mark.log, mark.last) for mark in cuts[-1].lanes] == [(LOG, 2), ("b" * 32, 1)]


def test_what_people_did_is_kept_and_ticks_are_counted(tmp_path: Path) -> None:
    action = Action("id-1", "edge", "pump", "anomaly", Verb.ACKNOWLEDGE, "Ada", at_ns=batch(1).clock_ns)
    Archive(Folder(tmp_path), cut_offsets=2).take([record(0, action), record(1, Tick(5))])
    (found,) = duckdb.execute(
        f"SELECT kind, device, body->>'who', day::text FROM '{tmp_path}/events/day=*/*.parquet'"
    ).fetchall()
    assert found[:3] == ("action", "pump", "Ada")
    (cut,) = Manifest(Folder(tmp_path)).cuts()
    assert (cut.records, cut.ticks, cut.events) == (2, 1, 1)


def test_a_box_learns_up_to_where_its_log_is_archived(tmp_path: Path) -> None:
    writer = archive(Folder(tmp_path))
    entries = [Entry(one.offset, one.body) for one in RECORDS[1:]]
    assert writer.take_entries(entries[:8]) == 0
    assert writer.take_entries(entries[8:12]) == 9
    assert archive(Folder(tmp_path)).take_entries(entries[9:30]) == 29


def test_partitions_have_cuts_of_their_own_and_those_of_others_are_let_go(tmp_path: Path) -> None:
    writer = archive(Folder(tmp_path))
    both: list[Record] = []
    for one in RECORDS[:12]:
        both += [one, msgspec.structs.replace(one, partition=7)]
    writer.take(both)
    assert sorted((cut.partition, cut.end) for cut in Manifest(Folder(tmp_path)).cuts()) == [(0, 10), (7, 10)]
    writer.keep_only(frozenset({7}))
    assert writer.held()[0] == 2


def test_a_damaged_manifest_stops_the_archive_with_what_to_do(tmp_path: Path) -> None:
    archive(Folder(tmp_path)).take(RECORDS[:20])
    max(tmp_path.glob("manifest/p00/*")).write_text("{")
    with pytest.raises(ArchiveBrokenError, match="move it away: its cut is written again"):
        archive(Folder(tmp_path)).take(RECORDS[20:])


def test_two_sites_cannot_share_an_archive(tmp_path: Path) -> None:
    for _ in range(2):
        Archive(Folder(tmp_path), site="hall-3").take(RECORDS[:1])
    with pytest.raises(ArchiveBrokenError, match=r'archive of site "hall-3", and this is "hall-4": name another'):
        Archive(Folder(tmp_path), site="hall-4").take(RECORDS[:1])
