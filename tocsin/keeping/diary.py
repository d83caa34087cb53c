"""What the keeper remembers between two starts, in one small file: what rings, what was trained, when to try again."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

FILE = "keeping.json"
Ended = Literal["candidate", "refused", "promoted", "failed"]


class Ringing(msgspec.Struct, frozen=True):
    """A drift that was told of and still stands."""

    edge: str
    device: str
    version: int
    since_ns: int
    detail: str = ""
    from_ns: int = 0  # what came from here on is how it is now


class Noted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the newest look at a device or an edge's runs found."""

    edge: str
    device: str
    at_ns: int
    stands: bool
    says: str
    share: float = 0.0  # of its limit, of the figure that is nearest to it


class Trained(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of the last training or judging."""

    at_ns: int
    ended: Ended
    why: str  # what started it
    says: str  # what came of it
    version: int = 0  # that it made; 0: none


class Ruling(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the gate said of a candidate: written down before anything follows from it."""

    version: int
    passes: bool
    says: str
    why: str  # it was judged


class Tried(msgspec.Struct, frozen=True):
    """Since when a candidate scores beside the champion, by a clock that may have been set since it was made."""

    version: int
    since_ns: int


class Page(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one model."""

    ringing: tuple[Ringing, ...] = ()
    looked: tuple[Noted, ...] = ()
    looked_ns: int = 0
    version: int = 0  # that was looked at
    last: Trained | None = None
    failures: int = 0  # one after the other: trainings that failed, candidates that were refused
    not_before_ns: int = 0  # the next training that starts by itself
    begun_ns: int = 0  # a training or judging that is under way, or was when the process ended
    judging: int = 0  # the candidate, where a judging is under way
    ruling: Ruling | None = None  # what is still to be done of what the gate said
    unsaid: bool = False  # that the last candidate was refused rings as an alarm soon
    tried: Tried | None = None
    since: Mapping[str, int] = {}  # when a device, or the runs of an edge, drifted, so that they are learnt anew
    unwatched: str = ""  # why nothing can be watched
    waits: str = ""  # why a training that is due does not start
    turn: int = 0  # looks so far


class Diary(msgspec.Struct, frozen=True):
    """Pages by model."""

    pages: Mapping[str, Page] = {}

    def page(self, name: str) -> Page:
        """Of a model; an empty one if nothing was written yet."""
        return self.pages.get(name, Page())

    def wrote(self, name: str, page: Page) -> "Diary":
        """With another page."""
        return Diary({**self.pages, name: page})


def read(folder: Path) -> Diary:
    """What was written; nothing where there is no such file, or one that cannot be read: alarms are then told again."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Diary)
    except (OSError, msgspec.DecodeError):
        return Diary()


def write(folder: Path, diary: Diary) -> None:
    """Whole or not at all. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f".{FILE}.{os.getpid()}.part"
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(diary), indent=2))
    beside.replace(folder / FILE)
