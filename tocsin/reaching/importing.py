"""Recorded files as batches: rows with their own times, in a lane that is named after what is in it."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from models.contract import F64, I64
from models.reading.channels import fresh
from models.reading.clock import times_ns
from models.reading.errors import ReadingError
from models.reading.roles import listed, matches
from models.reading.sheets import Sheet, read
from wire.messages import Batch, Frame

PIECE_BYTES = 192 * 1024  # of times and values: base64 of it passes the API, and few such fill the room people have
DEVICE = "device"


class Recorded(msgspec.Struct, frozen=True):
    """The rows of one device in one file, in time order; `notes` say what was left out."""

    file: str
    sha256: str  # of the file's content
    device: str
    time: str  # the column that held the times
    channels: tuple[str, ...]
    t_ns: I64  # n, strictly increasing
    values: F64  # n x c
    notes: tuple[str, ...] = ()

    @property
    def lane(self) -> str:
        """The same rows of the same file have the same lane, so that a second time is known as one."""
        told = "\0".join([self.sha256, self.device, *self.channels])
        return hashlib.sha256(told.encode()).hexdigest()[:32]

    @property
    def piece_rows(self) -> int:
        """Rows of a piece."""
        return max(1, PIECE_BYTES // (8 + 8 * len(self.channels)))

    @property
    def pieces(self) -> int:
        """How many there are."""
        return -(-len(self.t_ns) // self.piece_rows)

    def batches(self, edge: str) -> Iterator[Batch]:
        """The pieces in order; their clock is their newest time, so that the same piece again is known as the same."""
        for number in range(self.pieces):
            cut = slice(number * self.piece_rows, (number + 1) * self.piece_rows)
            times = self.t_ns[cut].astype("<i8").tobytes()
            values = self.values[cut].astype("<f8").tobytes()
            frame = Frame(self.device, self.channels, times, values, "f8", own_times=True)
            yield Batch(edge, self.lane, number + 1, int(self.t_ns[cut][-1]), late=True, frames=(frame,))


def recorded(path: Path, *, device: str, time: str, ignore: Sequence[str]) -> list[Recorded]:
    """A file's rows, by device where it has a column `device` and none is named; raises ReadingError."""
    sheet = read(path)
    frame = sheet.frame
    if time not in frame.columns:
        msg = f"{path} has no column {time!r} for the time, but {listed(list(frame.columns))}: name it with --time"
        raise ReadingError(msg)
    if device:
        return [_of(sheet, frame, device, time, ignore)]
    if DEVICE not in frame.columns:
        msg = f"{path} has no column {DEVICE!r}: say whose rows these are with --device"
        raise ReadingError(msg)
    if frame[DEVICE].isna().any():
        msg = f"{path}: {int(frame[DEVICE].isna().sum())} rows name no device: say whose rows these are with --device"
        raise ReadingError(msg)
    groups = frame.groupby(frame[DEVICE].astype("str"), sort=True)
    return [_of(sheet, rows.reset_index(drop=True), str(name), time, ignore) for name, rows in groups]


def _of(sheet: Sheet, frame: pd.DataFrame, device: str, time: str, ignore: Sequence[str]) -> Recorded:
    where = sheet.path or sheet.name
    left_out = {time, DEVICE}
    names = [name for name in frame.columns if name not in left_out and not matches(name, ignore)]
    found = [(name, fresh(frame[name])) for name in names]
    channels = [each for _, each in found if not isinstance(each, str) and not each.words]
    notes = [each for _, each in found if isinstance(each, str)]
    notes += [each.note for each in channels if each.note]
    words = [each.name for _, each in found if not isinstance(each, str) and each.words]
    notes += [f"{listed(words)}: words are no readings and are left out"] if words else []
    if not channels:
        msg = f"{where} has no column of numbers besides the time"
        raise ReadingError(msg)
    t_ns = times_ns(frame[time], f"{where}, column {time}")
    values = np.column_stack([each.column for each in channels])
    t_ns, values, moved = _in_order(t_ns, values)
    notes += [f"{moved} rows bear the time of the row before and were moved by 1 ns each"] if moved else []
    return Recorded(
        where, sheet.sha256, device, time, tuple(each.name for each in channels), t_ns, values, tuple(notes)
    )


def _in_order(t_ns: I64, values: F64) -> tuple[I64, F64, int]:
    """Rows by time, equal times 1 ns apart, as an edge does it; how many were moved."""
    order = np.argsort(t_ns, kind="stable")
    t_ns, values = t_ns[order], values[order]
    places = np.arange(len(t_ns))
    # Each row comes at its time, or 1 ns after the row before it, whichever is later.
    apart = np.maximum.accumulate(t_ns - places) + places
    return apart, values, int((apart != t_ns).sum())
