"""What a training in a process of its own is told, in a folder of its own: what to make of which files."""

from pathlib import Path
from typing import Literal

import msgspec

from tocsin.keeping.spans import Span
from wire.config import DeviceRule

FILE, RESULT, LOG = "job.json", "result.json", "log.txt"
Kind = Literal["train", "judge"]


class Portion(msgspec.Struct, frozen=True):
    """Rows of a device as they were stored, in files of the folder, each a stretch; what they are taken for."""

    device: str
    files: tuple[str, ...]
    rule: DeviceRule
    spans: tuple[Span, ...]


class Runs(msgspec.Struct, frozen=True):
    """Ended runs of a procedure, a wide row a run, and the ids of the labels that say how they ended."""

    procedure: str
    file: str
    labels: tuple[str, ...]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """See the module."""

    kind: Kind
    name: str
    recipe: str  # a file, or a shipped one
    called: str  # as the config names it
    registry: str
    memory: int  # bytes
    why: str
    owner: str = ""
    at_ns: int = 0
    champion: int = 0
    candidate: int = 0
    since_ns: int = 0  # judge: rows from here on were seen by neither in training
    portions: tuple[Portion, ...] = ()
    runs: tuple[Runs, ...] = ()
    files: tuple[str, ...] = ()  # a data set that was changed


class Result(msgspec.Struct, frozen=True):
    """What came of it."""

    ok: bool  # train: there is a new version; judge: it may be promoted
    says: str
    version: int = 0  # that was made or judged; 0: it came to nothing
    waits: bool = False  # it cannot be done yet


def write(folder: Path, job: Job) -> None:
    """Raises OSError."""
    (folder / FILE).write_bytes(msgspec.json.encode(job))


def read(folder: Path) -> Job:
    """Raises OSError, msgspec.DecodeError."""
    return msgspec.json.decode((folder / FILE).read_bytes(), type=Job)


def conclude(folder: Path, result: Result) -> None:
    """Written last and whole: a process that was killed leaves none."""
    beside = folder / f".{RESULT}.part"
    beside.write_bytes(msgspec.json.encode(result))
    beside.replace(folder / RESULT)


def result(folder: Path) -> Result | None:
    """What came of it; None if it never came to an end."""
    try:
        return msgspec.json.decode((folder / RESULT).read_bytes(), type=Result)
    except (OSError, msgspec.DecodeError):
        return None
