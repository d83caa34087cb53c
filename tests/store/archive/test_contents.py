"""Whatever an edge may say comes back out of the archive as it was said."""

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store.archive.archive import Archive
from store.archive.contents import NEVER
from store.archive.lanes import HOLES, LANES, Lanes
from store.archive.manifest import Manifest
from store.archive.place import Folder
from tests.strategies import inputs
from wire.envelope import pack
from wire.messages import Action, Batch, Frame, Input, Measured, ModelChange, Tick, Verdict
from wire.ports import Record

Line = tuple[str, str, str, int, float | None, bool]


def lines_of(batch: Batch) -> list[Line]:
    """The lines that a batch has to become."""
    found: list[Line] = []
    for frame in batch.frames:
        with np.errstate(invalid="ignore"):
            values = np.frombuffer(frame.values, "<" + frame.dtype).astype(np.float64).reshape(-1, len(frame.channels))
        for t_ns, row in zip(np.frombuffer(frame.t_ns, "<i8").tolist(), values.tolist(), strict=True):
            for channel, value in zip(frame.channels, row, strict=True):
                found.append((batch.edge, frame.device, channel, t_ns, None if value != value else value, batch.late))  # noqa: PLR0124
    return found


def read(paths: Sequence[Path]) -> Counter[Line]:
    found: Counter[Line] = Counter()
    for path in paths:
        table = pyarrow.parquet.ParquetFile(path).read()
        t_ns = (table["time"].cast("int64").to_numpy() * 1000 + table["ns"].to_numpy()).tolist()
        rest = [table[name].to_pylist() for name in ("edge", "device", "channel", "value", "late")]
        for edge, device, channel, value, late, at_ns in zip(*rest, t_ns, strict=True):
            found[edge, device, channel, at_ns, value, late] += 1
    return found


@settings(max_examples=60, deadline=None)
@example([Batch("", "", 1, 0, frames=(Frame("", ("",), bytes(8), b"\x00\x00\x81\x7f", "f4"),))], 1)
@given(st.lists(inputs, max_size=6), st.integers(1, 6))
def test_every_value_and_every_event_comes_back_as_it_was_said(said: list[Input], cut_offsets: int) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        writer = Archive(Folder(folder), cut_offsets=cut_offsets)
        writer.take([Record("", 0, at, b"", pack(item), 0) for at, item in enumerate(said)])
        writer.tend(now=True)
        lanes = Lanes()
        batches = [
            item
            for item in said
            if isinstance(item, Batch)
            and 0 <= item.clock_ns < NEVER
            and item.seq
            and lanes.admit(item.edge, item.log, item.seq, item.clock_ns)
        ]
        wanted = Counter(line for batch in batches for line in lines_of(batch))
        assert read([*folder.glob("day=*/*.parquet"), *folder.glob("open/day=*/*.parquet")]) == wanted
        people = sum(isinstance(item, Action | Verdict | ModelChange) for item in said)
        events = [
            json.loads(body)
            for path in folder.glob("**/events/day=*/*.parquet")
            for body in pyarrow.parquet.ParquetFile(path).read()["body"].to_pylist()
        ]
        assert len(events) == people + sum(len(batch.events) for batch in batches)
        cuts = [*Manifest(Folder(folder)).cuts(), *Manifest(Folder(folder)).open_cuts()]
        assert sum(cut.batches for cut in cuts) == len(batches)
        assert sum(cut.values for cut in cuts) == wanted.total()
        assert sum(cut.ticks for cut in cuts) == sum(isinstance(item, Tick) for item in said)
    finally:
        shutil.rmtree(folder)


def test_a_measurement_that_is_no_number_is_kept_as_text(tmp_path: Path) -> None:
    said = Measured("run-1", "step-1", "ohm", float("inf"), low=1.0)
    batch = Batch("edge", "a" * 32, 1, 10**18, events=(said,))
    Archive(Folder(tmp_path), cut_offsets=1).take([Record("", 0, 0, b"", pack(batch), 0)])
    (path,) = tmp_path.glob("events/day=*/*.parquet")
    (body,) = pyarrow.parquet.ParquetFile(path).read()["body"].to_pylist()
    kept = msgspec.json.decode(body, type=Measured)
    assert (kept.value, kept.low) == ("inf", 1.0)


def test_lanes_are_bounded_and_the_longest_unheard_goes_first() -> None:
    lanes = Lanes()
    for number in range(LANES + 3):
        assert lanes.admit("edge", f"{number:03}", 1, 1000 - number)
    kept = lanes.marks()
    assert len(kept) == LANES
    assert [mark.log for mark in kept] == [f"{number:03}" for number in range(LANES)]
    for seq in range(3, 3 + 4 * HOLES, 2):
        assert lanes.admit("edge", "000", seq, 1000)
    assert len(next(mark for mark in lanes.marks() if mark.log == "000").holes) == HOLES
    assert lanes.marks() == Lanes(lanes.marks()).marks()
