"""A log, a store and a core that misbehave on demand, for tests of the runner."""

import threading
from collections.abc import Callable, Sequence

import msgspec

from store.port import Commit, CommitRefusedError, Resume, StoreFullError
from stream.core import Core, Outcomes
from stream.inputs import Item
from stream.state import CoreState
from wire.envelope import pack
from wire.messages import Advice, Batch, Input, Origin
from wire.ports import Entry, Wish


class MemoryLog:
    """The input log and its inbox, in memory."""

    def __init__(self, inputs: Sequence[Input] = ()) -> None:
        self._news = threading.Condition()
        self.entries: list[Entry] = []
        self.confirmed: list[int] = []
        for message in inputs:
            self.add(pack(message))

    def add(self, body: bytes) -> int:
        with self._news:
            pos = len(self.entries) + 1
            self.entries.append(Entry(pos, body))
            self._news.notify_all()
            return pos

    def append(self, message: Wish) -> int:
        return self.add(pack(message))

    def read(self, after: int, *, limit: int, wait_s: float) -> list[Entry]:
        with self._news:
            self._news.wait_for(lambda: len(self.entries) > after, wait_s)
            return self.entries[after : after + limit]

    def confirm(self, pos: int) -> None:
        self.confirmed.append(pos)


class MemoryStore:
    """A store that keeps commits, refuses `full` of them first, and calls `seen` after each."""

    def __init__(self, *, full: int = 0, seen: Callable[["MemoryStore"], None] | None = None) -> None:
        self.commits: list[Commit] = []
        self.state: dict[str, bytes] = {}
        self.retained: list[int] = []
        self.refused: list[Commit] = []
        self._full = full
        self._seen = seen

    def resume(self) -> Resume:
        return Resume(self.commits[-1].cursor if self.commits else 0, dict(self.state))

    def write(self, commit: Commit) -> None:
        if len(self.refused) < self._full:
            self.refused.append(commit)
            msg = "only 3 MB left"
            raise StoreFullError(msg)
        self.commits.append(commit)
        self.state.update(commit.state)
        if self._seen is not None:
            self._seen(self)

    def retain(self, now_ns: int) -> None:
        self.retained.append(now_ns)


class Refusing(MemoryStore):
    """A store that cannot take commits with the batch of this number."""

    def __init__(self, *, seq: int) -> None:
        super().__init__()
        self._refuses = seq

    def write(self, commit: Commit) -> None:
        if any(batch.seq == self._refuses for batch in commit.batches):
            msg = "out of memory"
            raise CommitRefusedError(msg)
        super().write(commit)


class Stumbling(Core):
    """A core that fails on every batch with this number."""

    bad_seq = -1

    def step(self, state: CoreState, inputs: Sequence[tuple[int, Item]]) -> tuple[CoreState, Outcomes]:
        if any(isinstance(item, Batch) and item.seq == self.bad_seq for _, item in inputs):
            msg = "stumbled"
            raise ZeroDivisionError(msg)
        return super().step(state, inputs)


class Advising(Core):
    """A core that advises once for each batch."""

    def step(self, state: CoreState, inputs: Sequence[tuple[int, Item]]) -> tuple[CoreState, Outcomes]:
        after, found = super().step(state, inputs)
        said = [
            Advice(Origin(b.edge, b.log, b.seq), b.edge, "r1", f"S{b.seq}", 0.5, stop=False, t_ns=1)
            for b in found.accepted
        ]
        return after, msgspec.structs.replace(found, outcomes=[*found.outcomes, *said])


class Given:
    """Implements wire.ports.Returns: notes each advice, and how many commits the store had by then."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.advice: list[tuple[str, int]] = []

    def give(self, advice: Sequence[Advice]) -> None:
        self.advice += [(one.step, len(self._store.commits)) for one in advice]
