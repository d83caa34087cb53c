"""What a cut holds, as a JSON object beside its files; a cut without one does not count."""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from store.archive.errors import ArchiveBrokenError
from store.archive.lanes import Mark
from store.archive.place import Place

FOLDER = "manifest"
OPEN = "open"
OWNER = "archive.json"
_DIGITS = 20  # of an offset in a name, so that names sort as offsets do


class Owner(msgspec.Struct, frozen=True):
    """Whose archive a place holds."""

    site: str
    version: int = 1


class Kept(msgspec.Struct, frozen=True):
    """What a file has of one device: its channels in the order they came, its first and its last time."""

    channels: tuple[str, ...]
    first_ns: int
    last_ns: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a cut: rows of one day, or events (then `devices` is empty)."""

    name: str
    day: str
    bytes: int
    sha256: str
    rows: int  # lines of the file
    devices: Mapping[str, Kept] = {}


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Offsets [first, end) of a partition: what came, what became of it, and where its lanes stand afterwards."""

    partition: int
    first: int
    end: int
    records: int  # fewer than offsets: the bus no longer had the others
    batches: int = 0
    resent: int = 0  # batches left out, as they were seen before
    unreadable: int = 0  # records that hold no input
    ticks: int = 0  # records that only tell the time; not kept
    rows: int = 0  # of frames
    values: int = 0  # lines in the files of rows
    events: int = 0
    newest_at_ns: int = 0  # when the bus took the last of them
    files: tuple[Part, ...] = ()
    lanes: tuple[Mark, ...] = ()
    version: int = 1


_decoder = msgspec.json.Decoder(Cut)


def file_name(partition: int, first: int, day: str, *, events: bool) -> str:
    """Where a file of a finished cut lies."""
    return f"{'events/' if events else ''}day={day}/p{partition:02d}-{first:0{_DIGITS}d}.parquet"


def open_name(partition: int, first: int, end: int, day: str, *, events: bool) -> str:
    """Where a file of a cut lies that is not whole yet."""
    final = file_name(partition, first, day, events=events)
    return f"{OPEN}/{final.removesuffix('.parquet')}-{end:0{_DIGITS}d}.parquet"


def sha256(body: bytes) -> str:
    """The digest of a file, as hex digits."""
    return hashlib.sha256(body).hexdigest()


class Manifest:
    """The cuts of an archive, as its place holds them. Raises ArchiveError."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def claim(self, site: str) -> None:
        """Say whose archive this is, if nobody has. Raises ArchiveBrokenError if it is another's.

        The partitions of two buses have the same numbers: in one place they would write over each other.
        """
        body = self._place.get(OWNER)
        if body is None:
            self._place.put(OWNER, msgspec.json.encode(Owner(site)))
            return
        try:
            owner = msgspec.json.decode(body, type=Owner).site
        except msgspec.DecodeError:
            owner = ""
        if owner != site:
            msg = (
                f'{self._place} is the archive of site "{owner}", and this is "{site}": name another `archive`, '
                f"or if the site was only given another name, remove {OWNER} there"
            )
            raise ArchiveBrokenError(msg)

    def add(self, cut: Cut) -> None:
        """From here on the cut counts; its files are there already."""
        self._place.put(_name(cut), msgspec.json.format(msgspec.json.encode(cut, order="sorted"), indent=1))

    def newest(self, partition: int) -> Cut | None:
        """The last finished cut of a partition."""
        names = self._place.names(f"{FOLDER}/p{partition:02d}")
        return self.read(names[-1]) if names else None

    def holding(self, partition: int, offset: int) -> Cut | None:
        """The finished cut of a partition that has an offset."""
        names = self._place.names(f"{FOLDER}/p{partition:02d}")
        before = [name for name in names if int(name.rpartition("/")[2][:_DIGITS]) <= offset]
        cut = self.read(before[-1]) if before else None
        return cut if cut is not None and offset < cut.end else None

    def opened(self, partition: int) -> Cut | None:
        """The cut that is not whole yet, as far as it was written."""
        return self.read(_open_name(partition))

    def set_open(self, cut: Cut) -> None:
        """Say how far the cut is that is not whole yet; its files are there already."""
        self._place.put(_open_name(cut.partition), msgspec.json.encode(cut, order="sorted"))

    def drop_open(self, partition: int) -> None:
        """There is a finished cut in its place."""
        self._place.remove(_open_name(partition))

    def cuts(self, first_day: str = "", last_day: str = "9999") -> Iterator[Cut]:
        """Every finished cut with something of these days, by partition and offset; without days all of them."""
        for name in self._place.names(FOLDER):
            _, _, days = name.removesuffix(".json").rpartition("/")[2].partition("_")
            oldest, _, newest = days.partition("_")
            of_days = oldest <= last_day and newest >= first_day if days else not first_day
            if of_days and (cut := self.read(name)) is not None:
                yield cut

    def open_cuts(self) -> Iterator[Cut]:
        """The cuts that are not whole yet; one whose finished cut is there already is none."""
        for name in self._place.names(OPEN):
            if name.endswith(".json") and (cut := self.read(name)) is not None:
                newest = self.newest(cut.partition)
                if newest is None or cut.first >= newest.end:
                    yield cut

    def read(self, name: str) -> Cut | None:
        """One cut, None if there is none of this name."""
        body = self._place.get(name)
        if body is None:
            return None
        try:
            return _decoder.decode(body)
        except msgspec.DecodeError as error:
            msg = (
                f"{self._place}/{name} is damaged ({error}). If it is the last of its folder, move it away: "
                "its cut is written again from the bus. Else restore it from a copy"
            )
            raise ArchiveBrokenError(msg) from error


def _name(cut: Cut) -> str:
    days = sorted({part.day for part in cut.files})
    span = f"_{days[0]}_{days[-1]}" if days else ""
    return f"{FOLDER}/p{cut.partition:02d}/{cut.first:0{_DIGITS}d}{span}.json"


def _open_name(partition: int) -> str:
    return f"{OPEN}/p{partition:02d}.json"
