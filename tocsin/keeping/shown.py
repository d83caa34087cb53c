"""What the last training of a model was shown of a store, so that what comes later counts once, however late it comes.

Times do not tell that: an edge that was away for days brings runs, labels and rows of long ago.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from store.port import Device, Reader
from tocsin.keeping.look import devices_of
from wire.config import Config
from wire.messages import Label

MOST_LABELS = 10_000
PARTS = 100  # of a stretch
POINTS = 10 * PARTS  # asked for, so that no part that has rows is missed
MORE = 5  # parts that have rows now and had none


class Held(msgspec.Struct, frozen=True):
    """How many of the equal parts of a stretch had rows of a device."""

    from_ns: int
    to_ns: int
    parts: int


class Shown(msgspec.Struct, frozen=True):
    """Of one model; `words` are ids of labels, and of withdrawn ones as such."""

    made_ns: int = 0  # of the newest version that this is of
    words: frozenset[str] = frozenset()
    held: Mapping[str, Held] = {}  # by device


def word(label: Label) -> str:
    """A label as it stands: one that was withdrawn is another word."""
    return f"{label.id} withdrawn" if label.withdrawn_by else label.id


def known(reader: Reader) -> list[Label]:
    """The newest that were said."""
    return reader.labels(withdrawn=True, limit=MOST_LABELS)


def shown(config: Config, name: str, reader: Reader, *, start_ns: int, end_ns: int, since: Mapping[str, int]) -> Shown:
    """What a training that begins now is shown."""
    held = {}
    for device in devices_of(config, name, reader):
        first, last = max(start_ns, device.first_ns, since.get(device.device, 0)), min(end_ns, device.last_ns + 1)
        if first < last:
            held[device.device] = Held(first, last, _parts(reader, device, first, last))
    return Shown(end_ns, frozenset(word(label) for label in known(reader)), held)


def taken_in(before: Shown, labels: Iterable[Label], made_ns: int) -> Shown:
    """With what a version knew that was made elsewhere since: all that was said by then and is here by now."""
    words = {word(label) for label in labels if label.at_ns <= made_ns and not label.withdrawn_by}
    return msgspec.structs.replace(before, made_ns=made_ns, words=before.words | words)


def filled(reader: Reader, devices: Iterable[Device], held: Mapping[str, Held]) -> Sequence[str]:
    """Devices of which the store holds more by now of the stretch that was shown."""
    return [
        device.device
        for device in devices
        if (stretch := held.get(device.device)) is not None
        and _parts(reader, device, stretch.from_ns, stretch.to_ns) >= stretch.parts + MORE
    ]


def _parts(reader: Reader, device: Device, start_ns: int, end_ns: int) -> int:
    """That have rows; of one channel, which costs least."""
    rows = reader.readings(device.device, start_ns=start_ns, end_ns=end_ns, channels=device.channels[:1], points=POINTS)
    wide = -(-(end_ns - start_ns) // PARTS)
    return len({(t_ns - start_ns) // wide for t_ns in rows.t_ns})


def read(folder: Path, name: str) -> Shown:
    """Nothing where nothing was written, or it cannot be read."""
    try:
        return msgspec.json.decode(_file(folder, name).read_bytes(), type=Shown)
    except (OSError, msgspec.DecodeError):
        return Shown()


def write(folder: Path, name: str, found: Shown) -> None:
    """Whole or not at all. Raises OSError."""
    _put(_file(folder, name), found)


def begin(folder: Path, name: str, found: Shown) -> None:
    """Of a training of which nothing may come. Raises OSError."""
    _put(_next(folder, name), found)


def end(folder: Path, name: str) -> None:
    """Something came of it: what it was shown counts no more. Raises OSError."""
    if _next(folder, name).exists():
        _next(folder, name).replace(_file(folder, name))


def _put(file: Path, found: Shown) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}.part")
    beside.write_bytes(msgspec.json.encode(found))
    beside.replace(file)


def _file(folder: Path, name: str) -> Path:
    return folder / f"shown-{name}.json"


def _next(folder: Path, name: str) -> Path:
    return folder / f"shown-{name}.next.json"
