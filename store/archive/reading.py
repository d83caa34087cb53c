"""Reading an archive by its manifest: the rows of a device in time order, and a file of them; writes nothing into it.

In memory are the rows of one file at a time, and of those files whose times overlap it: late rows, or a resent log.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from store.archive.errors import ArchiveError
from store.archive.manifest import Cut, Kept, Manifest
from store.archive.place import Place
from store.archive.tables import NS_PER_US
from store.errors import UnknownDeviceError
from store.export import SINKS, Form, whole
from store.series import Columns, merged
from wire.config import DAY_NS

EVER_NS = 2**63 - 1
ATTEMPTS = 5  # at reading what lies under `open/`, which its writer may replace meanwhile
_WANTED = ("device", "channel", "time", "ns", "value")


class Found(msgspec.Struct, frozen=True):
    """Where rows of the device lie: finished files in the order of their first times, and rows read already."""

    files: Sequence[tuple[str, Kept]]
    channels: tuple[str, ...]
    fresh: Sequence[Columns]


class Stretch(msgspec.Struct, frozen=True):
    """A device's channels, and its rows in time order, piece by piece; rows of one time are one row."""

    channels: tuple[str, ...]
    pieces: Iterator[Columns]


class ArchiveReader:
    """The rows of devices; times are [start_ns, end_ns). Every call raises ArchiveError."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._manifest = Manifest(place)

    def devices(self) -> dict[str, tuple[str, ...]]:
        """Every device and its channels; reads the whole manifest."""
        found: dict[str, dict[str, None]] = {}
        for cut in [*self._manifest.open_cuts(), *self._manifest.cuts()]:
            for part in cut.files:
                for device, kept in part.devices.items():
                    found.setdefault(device, {}).update(dict.fromkeys(kept.channels))
        return {device: tuple(channels) for device, channels in sorted(found.items())}

    def rows(self, device: str, *, start_ns: int = 0, end_ns: int = EVER_NS) -> Stretch:
        """The rows of a device. Raises UnknownDeviceError if the archive has none of it at any time."""
        found = self._find(device, start_ns, end_ns)
        return Stretch(found.channels, self._pieces(found, device, start_ns, end_ns))

    def export(self, device: str, path: Path, *, form: Form, start_ns: int = 0, end_ns: int = EVER_NS) -> int:
        """Write a device's rows as the box does, column `time` first, and return how many there are."""
        stretch, written = self.rows(device, start_ns=start_ns, end_ns=end_ns), 0
        with whole(path) as file:
            sink = SINKS[form](file, stretch.channels)
            for piece in stretch.pieces:
                sink.write(piece)
                written += len(piece.t_ns)
            sink.close()
        return written

    def _pieces(self, found: Found, device: str, start_ns: int, end_ns: int) -> Iterator[Columns]:
        width, waiting = len(found.channels), list(found.fresh)
        horizons: list[int | None] = [kept.first_ns for _, kept in found.files[1:]]
        for (name, _), horizon_ns in zip(found.files, [*horizons, None], strict=False):
            waiting.append(self._columns(name, device, found.channels, start_ns, end_ns))
            if horizon_ns is not None:
                ready, waiting = _divided(waiting, horizon_ns, width)
                if len(ready.t_ns):
                    yield ready
        rest = merged(waiting, width)
        if len(rest.t_ns):
            yield rest

    def _find(self, device: str, start_ns: int, end_ns: int) -> Found:
        for attempt in range(ATTEMPTS):
            # First what is open, then what is finished: a cut that becomes whole in between is met twice, not missed.
            opened = list(self._manifest.open_cuts())
            finished = self._finished(device, start_ns, end_ns)
            files = [(cut, name, kept) for cut in finished for name, kept in _of(cut, device, start_ns, end_ns)]
            known = {(cut.partition, cut.first) for cut in finished}
            newer = [cut for cut in opened if (cut.partition, cut.first) not in known]
            held = [found for cut in newer for found in _of(cut, device, start_ns, end_ns)]
            kept = [one for _, _, one in files] + [one for _, one in held]
            channels = tuple(dict.fromkeys(name for one in kept for name in one.channels)) or self._known(device)
            try:
                fresh = [self._columns(name, device, channels, start_ns, end_ns) for name, _ in held]
            except ArchiveError:
                if attempt + 1 == ATTEMPTS:
                    raise
                continue
            ordered = sorted(((name, one) for _, name, one in files), key=lambda pair: (pair[1].first_ns, pair[0]))
            return Found(ordered, channels, fresh)
        raise AssertionError

    def _finished(self, device: str, start_ns: int, end_ns: int) -> list[Cut]:
        first, last = (str(np.datetime64(at_ns // DAY_NS, "D")) for at_ns in (start_ns, max(end_ns - 1, start_ns)))
        return [_only(cut, device) for cut in self._manifest.cuts(first, last)]

    def _known(self, device: str) -> tuple[str, ...]:
        devices = self.devices()
        if not devices:
            msg = f"nothing is archived at {self._place} yet: check `archive` in tocsin.toml, or run `tocsin archive`"
            raise ArchiveError(msg)
        if device not in devices:
            raise UnknownDeviceError(device, get_close_matches(device, devices, n=3))
        return devices[device]

    def _columns(self, name: str, device: str, channels: Sequence[str], start_ns: int, end_ns: int) -> Columns:
        try:
            with self._place.open(name) as file:
                parts = [_pivot(table, channels, start_ns, end_ns) for table in _tables(file, device)]
        except (pa.ArrowException, OSError) as error:
            msg = f"{self._place}/{name} cannot be read ({error}): see `tocsin archive --check --deep`"
            raise ArchiveError(msg) from error
        return merged(parts, len(channels))


def _only(cut: Cut, device: str) -> Cut:
    """What of a cut concerns one device: a year has many cuts."""
    files = tuple(
        msgspec.structs.replace(part, devices={device: part.devices[device]})
        for part in cut.files
        if device in part.devices
    )
    return msgspec.structs.replace(cut, files=files, lanes=())


def _of(cut: Cut, device: str, start_ns: int, end_ns: int) -> Iterator[tuple[str, Kept]]:
    for part in cut.files:
        kept = part.devices.get(device)
        if kept is not None and kept.first_ns < end_ns and kept.last_ns >= start_ns:
            yield part.name, kept


def _tables(file: BinaryIO, device: str) -> Iterator[pa.Table]:
    with pyarrow.parquet.ParquetFile(file, read_dictionary=["device", "channel"]) as parquet:
        column = parquet.schema_arrow.get_field_index("device")
        for number in range(parquet.num_row_groups):
            seen = parquet.metadata.row_group(number).column(column).statistics
            if seen is None or not seen.has_min_max or seen.min <= device <= seen.max:
                table = parquet.read_row_group(number, columns=list(_WANTED))
                yield table.filter(pc.equal(table["device"].cast(pa.string()), device))


def _pivot(table: pa.Table, channels: Sequence[str], start_ns: int, end_ns: int) -> Columns:
    t_ns = table["time"].cast(pa.int64()).to_numpy() * NS_PER_US + table["ns"].to_numpy()
    inside = (t_ns >= start_ns) & (t_ns < end_ns)
    number = {name: at for at, name in enumerate(channels)}
    codes = np.concatenate(
        [
            np.array([number.get(name, -1) for name in chunk.dictionary.to_pylist()], np.int64)[
                chunk.indices.to_numpy()
            ]
            for chunk in table["channel"].chunks
        ]
        or [np.empty(0, np.int64)]
    )
    values = table["value"].to_numpy()
    times, places = np.unique(t_ns[inside], return_inverse=True)
    cells = np.full((len(channels), len(times)), np.nan)
    np.fmax.at(cells, (codes[inside], places), values[inside])
    return Columns(times, cells)


def _divided(waiting: Sequence[Columns], horizon_ns: int, columns: int) -> tuple[Columns, list[Columns]]:
    """Rows before a time, as one, and those that later files may have more of."""
    early = [Columns(part.t_ns[:at], part.values[:, :at]) for part, at in _cuts(waiting, horizon_ns) if at]
    late = [
        Columns(part.t_ns[at:], part.values[:, at:]) for part, at in _cuts(waiting, horizon_ns) if at < len(part.t_ns)
    ]
    return merged(early, columns), late


def _cuts(waiting: Sequence[Columns], horizon_ns: int) -> list[tuple[Columns, int]]:
    return [(part, int(np.searchsorted(part.t_ns, horizon_ns))) for part in waiting]
