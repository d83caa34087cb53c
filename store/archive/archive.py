"""Writing the archive: records of the bus, in any pieces, into cuts that are the same whatever the pieces were."""

import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from store.archive.contents import Contents
from store.archive.errors import ArchiveBrokenError, ArchiveError
from store.archive.manifest import OPEN, Cut, Manifest, Part, file_name, open_name, sha256
from store.archive.place import Place
from store.archive.tables import sheets
from store.archive.track import Track
from wire.ports import Entry, Record

CUT_OFFSETS = 5000
CUT_BYTES = 16 * 1024 * 1024  # of records as they came: what a partition may hold in memory
HOLD_S = 600.0

log = logging.getLogger(__name__)


class Tally(msgspec.Struct):
    """What an archive did since it was made, and what it holds."""

    rows: int = 0  # in finished cuts
    values: int = 0
    events: int = 0
    cuts: int = 0
    files: int = 0
    bytes: int = 0
    resent: int = 0
    unreadable: int = 0
    missing: int = 0  # offsets that the bus no longer had


class Archive:
    """Holds records of each partition until a cut is whole, then writes it; used by one thread.

    A cut ends before the next multiple of `cut_offsets`, or with the record that brings it to `cut_bytes`. After any
    ArchiveError the same records may be taken again. What is held is bounded by `cut_bytes` a partition.
    """

    def __init__(
        self,
        place: Place,
        *,
        site: str = "",
        cut_offsets: int = CUT_OFFSETS,
        cut_bytes: int = CUT_BYTES,
        hold_s: float = HOLD_S,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`site` is whose archive it is; the first to write makes it his."""
        self._place = place
        self._site = site
        self._manifest = Manifest(place)
        self._cut_offsets = cut_offsets
        self._cut_bytes = cut_bytes
        self._hold_s = hold_s
        self._clock_s = clock_s
        self._tracks: dict[int, Track] = {}
        self._finished: dict[int, Record] = {}
        self.tally = Tally()

    def take(self, records: Sequence[Record]) -> None:
        """Hold records, in order in each partition, and write the cuts that they make whole. Raises ArchiveError.

        What is in a finished cut already is passed over. Where offsets do not follow on each other, the partition was
        somebody else's meanwhile, or its records come again: what the manifest says then goes.
        """
        for record in records:
            track = self._loaded(record.partition)
            if not self._over(track, record) and track.next != record.offset:
                self._again(track, record)
            if self._over(track, record):
                continue
            if track.held and record.offset // self._cut_offsets > track.held[0].offset // self._cut_offsets:
                self._finish(track)
            self._hold(track, record)
            if track.bytes >= self._cut_bytes or (record.offset + 1) % self._cut_offsets == 0:
                self._finish(track)

    def take_entries(self, entries: Sequence[Entry]) -> int:
        """Take what a box reads from its log, as partition 0; the position up to which all is in finished cuts.

        A log gives a position once. One that was made anew counts from the start again, and needs another place.
        """
        self.take([Record("", 0, entry.pos, b"", entry.body, 0) for entry in entries])
        newest = self._loaded(0).newest
        return newest.end - 1 if newest is not None else 0

    def tend(self, *, now: bool = False) -> None:
        """Put what has waited for too long under `open/`, or everything that waits. Raises ArchiveError.

        What another archive has finished meanwhile is let go.
        """
        for partition, track in self._tracks.items():
            if track.due_s is None or not (now or self._clock_s() >= track.due_s):
                continue
            newest = self._manifest.newest(partition)
            if newest is not None and newest.end > track.first():
                track.newest = newest
                track.let_go()
                continue
            if track.since_s is not None:
                self._show(track)
            track.due_s = self._clock_s() + self._hold_s

    def finished(self) -> list[Record]:
        """The newest record of each partition that is in a finished cut since this was asked: the bus may forget it."""
        done, self._finished = list(self._finished.values()), {}
        return done

    def keep_only(self, partitions: frozenset[int]) -> None:
        """Let go of what is held of other partitions: another archive has them now."""
        self._tracks = {number: track for number, track in self._tracks.items() if number in partitions}

    def held(self) -> tuple[int, float]:
        """How many records are held, and for how many seconds the oldest of them is in no file."""
        since = [track.since_s for track in self._tracks.values() if track.since_s is not None]
        return sum(len(track.held) for track in self._tracks.values()), self._clock_s() - min(since) if since else 0.0

    def oldest_held_ns(self) -> int:
        """When the bus took the oldest record that is held; 0 for none."""
        return min((track.held[0].at_ns for track in self._tracks.values() if track.held), default=0)

    def _loaded(self, partition: int) -> Track:
        if partition not in self._tracks:
            if self._site and not self._tracks:
                self._manifest.claim(self._site)
            newest, opened = self._manifest.newest(partition), self._manifest.opened(partition)
            self._tracks[partition] = Track(newest, opened)
        return self._tracks[partition]

    def _over(self, track: Track, record: Record) -> bool:
        """Whether a record is in a finished cut. Raises ArchiveBrokenError if it cannot be the one that is there."""
        newest = track.newest
        if newest is None or record.offset >= newest.end:
            return False
        if record.at_ns > self._taken_ns(track, record):
            msg = (
                f"partition {record.partition} of {record.topic} counts its offsets anew: {record.offset} is archived "
                "already, and came again with a later time. Was the topic made anew? Then name another `archive`"
            )
            raise ArchiveBrokenError(msg)
        if record.offset == newest.end - 1:
            self._finished[record.partition] = record
        return True

    def _taken_ns(self, track: Track, record: Record) -> int:
        """Until when the bus took the records of the finished cut that this offset is in."""
        cut = track.looked_up or track.newest
        if cut is None or not cut.first <= record.offset < cut.end:
            cut = track.looked_up = self._manifest.holding(record.partition, record.offset)
        return cut.newest_at_ns if cut is not None else 0

    def _again(self, track: Track, record: Record) -> None:
        """The record does not follow: keep of what is held only what is neither finished nor coming again."""
        track.newest, track.opened = self._manifest.newest(record.partition), self._manifest.opened(record.partition)
        end = track.newest.end if track.newest is not None else 0
        held = [one for one in track.held if end <= one.offset < record.offset]
        track.let_go()
        for one in held:
            self._hold(track, one)
        self._adopt(track, record)
        if track.next is not None and record.offset > track.next:
            log.error(
                "partition %d: offsets %d to %d are no longer on the bus and are in no cut: it has to keep its inputs "
                "for longer than the archive is away",
                record.partition,
                track.next,
                record.offset - 1,
            )

    def _adopt(self, track: Track, record: Record) -> None:
        """Make a cut of what lies under `open/`, where the bus has forgotten some of it."""
        opened = track.opened
        if opened is None or record.offset <= (track.next or opened.first):
            return
        if opened.end <= (track.next or 0) or (track.newest is not None and opened.first < track.newest.end):
            return
        files = []
        for part in opened.files:
            body = self._place.get(part.name)
            if body is None or sha256(body) != part.sha256:
                msg = f"{self._place}/{part.name} is missing or damaged, and the bus no longer has its records"
                raise ArchiveBrokenError(msg)
            name = file_name(opened.partition, opened.first, part.day, events=part.name.startswith(f"{OPEN}/events/"))
            self._place.put(name, body)
            files.append(msgspec.structs.replace(part, name=name))
        self._settle(track, msgspec.structs.replace(opened, files=tuple(files)))

    def _hold(self, track: Track, record: Record) -> None:
        track.hold(record, now_s=self._clock_s(), hold_s=self._hold_s)

    def _finish(self, track: Track) -> None:
        last = track.held[-1]
        self._settle(track, self._written(track, whole=True))
        self._finished[last.partition] = last

    def _settle(self, track: Track, cut: Cut) -> None:
        """The cut counts from here on: let go of what was held of it, and of what stood for it under `open/`."""
        self._manifest.add(cut)
        swept, track.swept = track.swept and track.opened is None, True
        track.newest, track.opened = cut, None
        track.let_go()
        self._count(cut)
        if not swept:
            try:
                self._manifest.drop_open(cut.partition)
                self._sweep(cut)
            except ArchiveError as error:
                track.swept = False
                log.warning("what is left under %s/ is in a cut already, and goes later: %s", OPEN, error)

    def _show(self, track: Track) -> None:
        cut = self._written(track, whole=False)
        self._manifest.set_open(cut)
        track.opened, track.since_s = cut, None
        self._sweep(cut)

    def _sweep(self, cut: Cut) -> None:
        """Take away the files under `open/` that an older state of this partition left."""
        keep = {part.name for part in cut.files}
        for name in self._place.names(OPEN):
            if name.rpartition("/")[2].startswith(f"p{cut.partition:02d}-") and name not in keep:
                self._place.remove(name)

    def _written(self, track: Track, *, whole: bool) -> Cut:
        partition, first, end = track.held[0].partition, track.first(), track.held[-1].offset + 1
        lanes = track.lanes()
        contents = Contents.of(track.held, lanes)
        files = []
        for sheet in sheets(contents):
            if whole:
                name = file_name(partition, first, sheet.day, events=sheet.events)
            else:
                name = open_name(partition, first, end, sheet.day, events=sheet.events)
            self._place.put(name, sheet.body)
            digest = sha256(sheet.body)
            files.append(
                Part(
                    name=name,
                    day=sheet.day,
                    bytes=len(sheet.body),
                    sha256=digest,
                    rows=sheet.rows,
                    devices=sheet.devices,
                )
            )
        return Cut(
            partition=partition,
            first=first,
            end=end,
            records=contents.records,
            batches=contents.batches,
            resent=contents.resent,
            unreadable=contents.unreadable,
            ticks=contents.ticks,
            rows=contents.rows,
            values=sum(part.rows for part in files if part.devices),
            events=len(contents.events),
            newest_at_ns=contents.newest_at_ns,
            files=tuple(files),
            lanes=lanes.marks(),
        )

    def _count(self, cut: Cut) -> None:
        tally = self.tally
        tally.rows += cut.rows
        tally.values += cut.values
        tally.events += cut.events
        tally.cuts += 1
        tally.files += len(cut.files)
        tally.bytes += sum(part.bytes for part in cut.files)
        tally.resent += cut.resent
        tally.unreadable += cut.unreadable
        tally.missing += cut.end - cut.first - cut.records
