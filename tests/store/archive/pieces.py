"""Records of a small plant, and what an archive made of them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from store.archive.place import Folder
from wire.config import DAY_NS
from wire.envelope import pack
from wire.messages import Batch, Event, Frame, Input, SourceState, SourceStatus, Text
from wire.ports import Record

START_NS = 1_790_000_000_000_000_000 // DAY_NS * DAY_NS + DAY_NS - 40_000_000_000  # 40 s before midnight
STEP_NS = 250_000_001
LOG = "a" * 32


def record(offset: int, item: Input | bytes, *, partition: int = 0) -> Record:
    body = item if isinstance(item, bytes) else pack(item)
    return Record("tocsin.inputs", partition, offset, b"", body, START_NS + offset)


def frame(device: str, row: int, *, rows: int = 4, channels: Sequence[str] = ("flow", "heat")) -> Frame:
    t_ns = START_NS + (row + np.arange(rows)) * STEP_NS
    values = (row + np.arange(rows))[:, None] + np.arange(len(channels)) / 8
    values[0, -1] = np.nan
    return Frame(device, tuple(channels), t_ns.astype("<i8").tobytes(), values.astype("<f8").tobytes())


def batch(seq: int, *, log: str = LOG, edge: str = "edge", late: bool = False, events: Sequence[Event] = ()) -> Batch:
    """A batch whose rows say which they are: 4 rows of two devices."""
    at, both = (seq - 1) * 4, ("flow", "heat")
    frames = (frame("pump", at), frame("mill", at, channels=both if seq % 3 else ("speed", "flow", "heat")))
    return Batch(edge, log, seq, START_NS + at * STEP_NS, late, frames, tuple(events))


def stream(count: int) -> list[Record]:
    """Records with resends, damage and events among them."""
    found: list[Input | bytes] = []
    for seq in range(1, count + 1):
        said: list[Event] = [
            Text("pump", "note", f"é {seq}", START_NS + seq),
            SourceState("serial-1", SourceStatus.CONNECTED),
        ]
        found.append(batch(seq, events=said if seq % 5 == 0 else (), late=seq % 7 == 0))
        if seq % 9 == 0:
            found += [batch(number) for number in range(max(1, seq - 12), seq + 1)]  # its log of confirmations is gone
        if seq % 11 == 0:
            found.append(b"junk")
    return [record(offset, item) for offset, item in enumerate(found)]


def tree(place: Folder, *, final: bool = True) -> dict[str, bytes]:
    """Every object and its bytes, without what lies under `open/` if so asked."""
    names = [name for name in place.names("") if not (final and name.startswith("open/"))]
    return {name: place.get(name) or b"" for name in names}


def split(records: Sequence[Record], at: Sequence[int]) -> list[Sequence[Record]]:
    bounds = sorted({0, len(records), *(n % (len(records) + 1) for n in at)})
    return [records[a:b] for a, b in pairwise(bounds)]
