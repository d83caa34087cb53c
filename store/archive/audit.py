"""Whether an archive is whole: its cuts follow on each other, and their files are there as they were written."""

from collections.abc import Iterator

import msgspec

from store.archive.errors import ArchiveError
from store.archive.manifest import Cut, Manifest, sha256
from store.archive.place import Place


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What finished cuts hold, added up, and a sentence for each thing that is wrong."""

    partitions: int
    cuts: int
    files: int
    bytes: int
    rows: int
    values: int
    events: int
    records: int
    batches: int
    resent: int
    unreadable: int
    open_records: int  # in cuts that are not whole yet
    problems: tuple[str, ...]


def audit(place: Place, *, deep: bool = False) -> Audit:
    """Compare an archive with its manifest; `deep` reads every file. Raises ArchiveError."""
    opened = sum(cut.records for cut in Manifest(place).open_cuts())
    cuts = sorted(Manifest(place).cuts(), key=lambda cut: (cut.partition, cut.first))
    there = {name for name in place.names("") if name.startswith(("day=", "events/day="))}
    problems = [*_holes(cuts), *_files(place, cuts, there, deep=deep), *_strays(cuts, there)]
    return Audit(
        partitions=len({cut.partition for cut in cuts}),
        cuts=len(cuts),
        files=sum(len(cut.files) for cut in cuts),
        bytes=sum(part.bytes for cut in cuts for part in cut.files),
        rows=sum(cut.rows for cut in cuts),
        values=sum(cut.values for cut in cuts),
        events=sum(cut.events for cut in cuts),
        records=sum(cut.records for cut in cuts),
        batches=sum(cut.batches for cut in cuts),
        resent=sum(cut.resent for cut in cuts),
        unreadable=sum(cut.unreadable for cut in cuts),
        open_records=opened,
        problems=tuple(problems),
    )


def _holes(cuts: list[Cut]) -> Iterator[str]:
    ends: dict[int, int] = {}
    for cut in cuts:
        end = ends.get(cut.partition, cut.first)
        if cut.first != end:
            word = "are in no cut" if cut.first > end else "are in two cuts"
            yield f"partition {cut.partition}: offsets {min(end, cut.first)} to {max(end, cut.first) - 1} {word}"
        if missing := cut.end - cut.first - cut.records:
            yield (
                f"partition {cut.partition}: {missing} of offsets {cut.first} to {cut.end - 1} were no longer on the "
                "bus when the archive came to them: it has to keep its inputs for longer"
            )
        ends[cut.partition] = cut.end


def _files(place: Place, cuts: list[Cut], there: set[str], *, deep: bool) -> Iterator[str]:
    for part in (part for cut in cuts for part in cut.files):
        if part.name not in there:
            yield f"{part.name} is missing: restore it from a copy"
        elif deep and sha256(_read(place, part.name)) != part.sha256:
            yield f"{part.name} is not as it was written: restore it from a copy"


def _read(place: Place, name: str) -> bytes:
    body = place.get(name)
    if body is None:
        msg = f"{place}/{name} went away while it was looked at"
        raise ArchiveError(msg)
    return body


def _strays(cuts: list[Cut], there: set[str]) -> Iterator[str]:
    ends: dict[str, int] = {}
    for cut in cuts:
        ends[f"p{cut.partition:02d}"] = cut.end
    known = {part.name for cut in cuts for part in cut.files}
    for name in sorted(there - known):
        partition, _, first = name.rpartition("/")[2].removesuffix(".parquet").partition("-")
        # A cut that is being written, or was when its writer was killed: it is written again, the same.
        if not (first.isdecimal() and int(first) >= ends.get(partition, 0)):
            yield f"{name} is in no cut: who reads the whole folder sees it, so move it away"
