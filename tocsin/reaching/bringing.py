"""`tocsin data import`: recorded files into a box or a fleet, piece by piece, each durable before the next."""

import time as clock
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.catalogue.entries import Moved
from models.catalogue.nodes import iso
from models.reading.errors import ReadingError
from models.reading.sheets import paths_of
from tocsin.commands.progress import Progress
from tocsin.reaching.access import Access
from tocsin.reaching.catalogue import accessed, edge_of
from tocsin.reaching.importing import Recorded, recorded
from tocsin.reaching.reach import configured
from wire.settings import Loaded


def brought(config: Path, files: Sequence[str], *, device: str, time: str, ignore: Sequence[str]) -> Iterator[str]:
    """Bring each file, and say what came of it. Raises ReadingError, ReachError."""
    loaded = configured(config)
    paths = paths_of(files)
    with accessed(loaded, writes=True) as access:
        for path in paths:
            for found in recorded(path, device=device, time=time, ignore=ignore):
                yield from (f"note: {found.file}: {note}" for note in found.notes)
                _bring(found, access, loaded, clock.time_ns())
                yield f"{found.file}: {len(found.t_ns)} rows of {found.device}, {len(found.channels)} channels"


def _bring(found: Recorded, access: Access, loaded: Loaded, now_ns: int) -> None:
    if found.t_ns[-1] > now_ns:
        msg = (
            f"{found.file} holds rows of {iso(int(found.t_ns[-1]))}, which is yet to come: is {found.time} their time?"
        )
        raise ReadingError(msg)
    if found.t_ns[0] < 0:
        msg = f"{found.file} holds rows of before 1970: is {found.time} their time?"
        raise ReadingError(msg)
    edge = edge_of(access, loaded, found.device)
    progress = Progress(f"import {Path(found.file).name}")
    moved = Moved(
        way="imported",
        file=found.file,
        sha256=found.sha256,
        rows=len(found.t_ns),
        at_ns=now_ns,
        device=found.device,
        from_ns=int(found.t_ns[0]),
        to_ns=int(found.t_ns[-1]),
    )
    for at, batch in enumerate(found.batches(edge), start=1):
        access.give(batch, moved if at == found.pieces else None)
        progress.say(at, found.pieces)
