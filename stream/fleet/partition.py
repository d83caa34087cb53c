"""One partition in a worker's hands: the core's state, what of it is not yet written down, and where it stands."""

from collections.abc import Sequence

import msgspec

from stream.attempt import attempt
from stream.core import Core
from stream.fleet.loading import Loaded
from stream.fleet.reading import reader
from stream.fleet.records import Records, done
from stream.models.herald import Herald
from wire.messages import Outcome
from wire.ports import Entry


class OffsetError(Exception):
    """Inputs are missing between two that came: the worker must start anew from what is committed."""


class Worked(msgspec.Struct, frozen=True):
    """What came of a stretch of inputs."""

    outcomes: Sequence[Outcome]
    duplicates: int
    failed: int


class Partition:
    """Steps the core over the inputs of one partition, in order and without holes."""

    def __init__(self, number: int, loaded: Loaded, core: Core) -> None:
        self.number = number
        self.epoch = loaded.epoch
        self.next_offset = loaded.next_offset
        self._core = core
        self._read = reader(number)
        self._records: Records = loaded.records
        self.state, pinned = core.pinned(core.load(loaded.records.words))
        self.herald = Herald()
        self._records.words.clear()
        self._dirty: dict[str, None] = dict.fromkeys([*sorted(loaded.records.torn), *pinned])
        self.pinned = bool(pinned)  # to be written down before anything is scored

    def work(self, entries: Sequence[Entry], *, now_ns: int) -> Worked:
        """Step over inputs. Raises OffsetError where some are missing; those seen before are left out."""
        fresh: list[Entry] = []
        for entry in entries:
            if entry.pos > self.next_offset:
                msg = f"partition {self.number}: expected offset {self.next_offset}, got {entry.pos}"
                raise OffsetError(msg)
            if entry.pos == self.next_offset:
                fresh.append(entry)
                self.next_offset += 1
        if not fresh:
            return Worked((), 0, 0)
        self.state, outcomes, reasons = attempt(self._core, self.state, fresh, now_ns=now_ns, read=self._read)
        self._dirty.update(dict.fromkeys(outcomes.changed))
        return Worked(outcomes.outcomes, outcomes.duplicates, len(reasons))

    def done(self) -> bytes:
        """What to write behind the words of a checkpoint."""
        return done(self.epoch, self.next_offset)

    def unwritten(self) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
        """What to write down, as keys and words, and the keys to be erased after that; from then on it counts as done.

        A key is erased only behind a word written now for the same name.
        """
        words: list[tuple[bytes, bytes]] = []
        erased: list[bytes] = []
        for name, word in self._core.dump(self.state, list(self._dirty)).items():
            if word:
                key, old = self._records.told(name, self.epoch)
                words.append((key, self._records.written(name, word)))
                erased += old
            else:
                erased += self._records.forgotten(name)
        self._dirty.clear()
        return words, erased

    def overdue(self, since_ns: int) -> bool:
        """Whether a tick could ring."""
        return self._core.overdue(self.state, since_ns)
