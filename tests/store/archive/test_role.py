"""The archive's role: over a fake bus that behaves, and over a real broker with a process that is killed."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import duckdb
import pytest

from bus.address import Address, parse
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from store.archive.archive import Archive
from store.archive.errors import ArchiveBrokenError, ArchiveError
from store.archive.manifest import Manifest
from store.archive.place import Folder
from store.archive.reading import ArchiveReader
from tests.servers.kafka import kafka
from tests.servers.ports import until
from tests.store.archive.pieces import batch, stream, tree
from tocsin.roles.archive import LONGEST_DELAY_S, Archivist, archive
from wire.envelope import pack
from wire.messages import NS_PER_S
from wire.ports import BusError, FeedEndedError, Record
from wire.settings import load
from wire.topics import INPUTS

RECORDS = stream(60)
ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys, threading
from pathlib import Path
from bus.address import Address
from bus.feed import KafkaFeed
from store.archive.archive import Archive
from store.archive.place import Folder
from tocsin.roles.archive import GROUP, Archivist
from wire.topics import INPUTS

with KafkaFeed(Address(servers=sys.argv[1]), group=GROUP, topics=[INPUTS]) as feed:
    archive = Archive(Folder(Path(sys.argv[2])), cut_offsets=100, hold_s=0.5)
    Archivist(feed, archive).run(threading.Event())
"""


class Bus:
    """A partition that gives again what was not committed, and can be away."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = list(records)
        self.committed = 0
        self.at = 0
        self.away = 0

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        del wait_s
        if self.away:
            self.away -= 1
            msg = "the bus is away"
            raise BusError(msg)
        found = self.records[self.at : self.at + min(limit, 7)]
        self.at += len(found)
        return found

    def commit(self, records: Sequence[Record]) -> None:
        self.committed = max(record.offset + 1 for record in records)


class Filling(Folder):
    """A folder on a disk that is full for a while."""

    def __init__(self, root: Path, *, full: int) -> None:
        super().__init__(root)
        self.full = full

    def put(self, name: str, body: bytes) -> None:
        if self.full:
            self.full -= 1
            msg = f"{name} cannot be written: No space left on device"
            raise ArchiveError(msg)
        super().put(name, body)


def test_a_full_disk_is_told_and_waited_out_and_nothing_is_lost(tmp_path: Path) -> None:
    bus, stop, delays, told = Bus(RECORDS), threading.Event(), list[float](), set[str]()
    place = Filling(tmp_path / "a", full=9)

    def wait(_: threading.Event, delay_s: float) -> None:
        delays.append(delay_s)
        told.add(archivist.health.trouble.partition(": ")[2])

    archivist = Archivist(bus, Archive(place, cut_offsets=10), wait=wait)
    bus.away = 1
    thread = threading.Thread(target=archivist.run, args=(stop,))
    thread.start()
    until(lambda: bus.committed == len(RECORDS) // 10 * 10, what="all cuts")
    stop.set()
    thread.join()
    assert delays == [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_DELAY_S, LONGEST_DELAY_S, LONGEST_DELAY_S]
    assert told == {"", "No space left on device"}
    assert archivist.health.trouble == ""
    whole = Folder(tmp_path / "b")
    Archive(whole, cut_offsets=10).take(RECORDS)
    assert tree(Folder(tmp_path / "a")) == tree(whole)


def test_what_is_held_is_shown_when_the_role_ends_and_the_bus_keeps_it(tmp_path: Path) -> None:
    bus, stop = Bus(RECORDS[:24]), threading.Event()
    archivist = Archivist(bus, Archive(Folder(tmp_path), cut_offsets=10))
    for _ in range(4):
        archivist.turn()
    assert (archivist.health.held, archivist.health.records) == (4, 24)
    stop.set()
    archivist.run(stop)
    assert [cut.end for cut in Manifest(Folder(tmp_path)).open_cuts()] == [24]
    assert bus.committed == 20


def test_what_needs_a_person_ends_the_role(tmp_path: Path) -> None:
    Archive(Folder(tmp_path), cut_offsets=10).take(RECORDS[:20])
    anew = Record(INPUTS, 0, 0, b"", b"", RECORDS[19].at_ns + 7200 * NS_PER_S)
    with pytest.raises(ArchiveBrokenError):
        Archivist(Bus([anew]), Archive(Folder(tmp_path))).run(threading.Event())


class Ended(Bus):
    """A feed whose client ended itself."""

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        msg = f"no more, {limit} in {wait_s}"
        raise FeedEndedError(msg)


def test_a_feed_that_reads_nothing_more_ends_the_role_for_another_to_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FeedEndedError):
        Archivist(Ended(RECORDS), Archive(Folder(tmp_path))).run(threading.Event())


@pytest.mark.server
@pytest.mark.slow
def test_two_processes_that_are_killed_in_turns_neither_lose_nor_double_a_row(tmp_path: Path) -> None:
    root, edges, batches = tmp_path / "archive", 6, 600
    place = Folder(root)

    def cuts() -> int:
        return sum("manifest/" in name for name in place.names(""))

    with kafka(tmp_path / "kafka") as broker:
        Topics(Address(servers=broker.address)).create(layouts(4))
        command = [sys.executable, "-c", PROGRAM, broker.address, str(root)]
        processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(2)]
        try:
            with KafkaPublisher(parse(f"kafka://{broker.address}", {}), client_id="test") as publisher:
                for seq in range(1, batches + 1):
                    for edge in range(edges):
                        name = f"edge-{edge}"
                        publisher.publish(INPUTS, name.encode(), pack(batch(seq, edge=name)), lambda _: None)
                        if seq % 50 == 0:  # an edge that forgot what was confirmed
                            publisher.publish(INPUTS, name.encode(), pack(batch(seq - 20, edge=name)), lambda _: None)
                    if seq % 200 == 0 and seq < batches:
                        assert publisher.flush(30)
                        wanted = cuts() + 2
                        until(lambda wanted=wanted: cuts() >= wanted, what="two more cuts")  # type: ignore[misc]
                        processes[0].kill()
                        processes[0].wait()
                        processes = [processes[1], subprocess.Popen(command, cwd=ROOT)]
                assert publisher.flush(30)

            def there() -> int:
                manifest = Manifest(place)
                return sum(cut.rows for cut in [*manifest.cuts(), *manifest.open_cuts()])

            until(lambda: there() >= edges * batches * 8, what="every row", within_s=60)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        assert there() == edges * batches * 8
        manifest = Manifest(place)
        everything = [*manifest.cuts(), *manifest.open_cuts()]
        assert sum(cut.resent for cut in everything) == edges * batches // 50
        names = [str(root / part.name) for cut in everything for part in cut.files if part.devices]
        found = duckdb.execute(
            "SELECT edge, device, channel, count(*), count(DISTINCT (time, ns)) FROM read_parquet(?) "
            "WHERE channel IN ('flow', 'heat') GROUP BY ALL",
            [names],
        ).fetchall()
        assert len(found) == edges * 2 * 2
        assert {row[3:] for row in found} == {(4 * batches, 4 * batches)}
        finished = [str(root / part.name) for cut in manifest.cuts() for part in cut.files if part.devices]
        assert sorted(finished) == sorted(map(str, root.glob("day=*/*.parquet")))  # what a folder shows is what counts
        check_role(tmp_path, broker.address)


def check_role(folder: Path, address: str) -> None:
    """The role itself, from a config file, over the archive that is there."""
    path = folder / "tocsin.toml"
    path.write_text(f'bus = "kafka://{address}"\nstore = "influxdb://127.0.0.1:1/x"\narchive = "archive"\n')
    with ExitStack() as stack:
        work, probe = archive(load(path), Address(servers=address), stack)
        stop = threading.Event()
        thread = threading.Thread(target=work, args=(stop,))
        thread.start()
        try:
            until(lambda: probe().figures["held_records"] > 0, what="what is in no finished cut")
            assert probe().trouble == ""
        finally:
            stop.set()
            thread.join()
    reader = ArchiveReader(Folder(folder / "archive"))
    assert sum(len(piece.t_ns) for piece in reader.rows("pump").pieces) == 2400
