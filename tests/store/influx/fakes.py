"""A bus in memory, with the two ports of the fleet's."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from wire.ports import Feed, Record


class Bus:
    """Topics of one partition each; what is committed is remembered per group, and every publication is told."""

    def __init__(self) -> None:
        self.topics: dict[str, list[Record]] = {}
        self.committed: dict[str, int] = {}
        self.joins = 0
        self.refusals = 0  # of the next publications
        self._lock = threading.Lock()

    def put(self, topic: str, body: bytes, *, key: bytes = b"edge-1", skip: int = 0) -> None:
        with self._lock:
            there = self.topics.setdefault(topic, [])
            offset = (there[-1].offset + 1 if there else 0) + skip
            there.append(
                Record(topic=topic, partition=0, offset=offset, key=key, body=body, at_ns=1_780_000_000 * 10**9)
            )

    def publish(self, topic: str, key: bytes, body: bytes, done: Callable[[str], None], *, partition: int = -1) -> None:
        del partition
        if self.refusals:
            self.refusals -= 1
            done("no replica")
            return
        self.put(topic, body, key=key)
        done("")

    def flush(self, timeout_s: float) -> bool:
        return timeout_s >= 0

    @contextmanager
    def feed(self, *topics: str, commits: bool = True) -> Iterator[Feed]:
        self.joins += 1
        yield _Feed(self, topics, commits=commits)

    def behind(self) -> int:
        return sum(there[-1].offset + 1 - self.committed.get(topic, 0) for topic, there in self.topics.items())


class _Feed:
    def __init__(self, bus: Bus, topics: Sequence[str], *, commits: bool) -> None:
        self._bus = bus
        self._next = {topic: bus.committed.get(topic, 0) if commits else 0 for topic in topics}
        self._idle = threading.Event()

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        found: list[Record] = []
        for topic in self._next:
            new = [each for each in self._bus.topics.get(topic, ()) if each.offset >= self._next[topic]]
            for record in new[: limit - len(found)]:
                self._next[topic] = record.offset + 1
                found.append(record)
        if not found:
            self._idle.wait(wait_s)
        return found

    def commit(self, records: Sequence[Record]) -> None:
        for record in records:
            self._bus.committed[record.topic] = record.offset + 1
