"""Which deliveries are kept already, so that one that comes again is acknowledged and not stored twice.

A sender repeats what it holds no acknowledgement for. That `done` was called proves nothing: the acknowledgement may
be lost with the connection afterwards. So a key is kept until LIMIT newer ones of its source came: more than any
sender keeps in flight (MQTT: the receive maximum, 1,000 by default), and fewer than the 65,535 deliveries after which
packet ids that count up return. A broker that returns an id at once can make us take a new message for an old one
only if its payload is the same and we died between its first delivery and its commit.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from edge.lane import Delivered

LIMIT = 20_000  # a source
KEY_BYTES = 64


class Deliveries:
    """The newest committed keys of each source, at most LIMIT and one group more."""

    def __init__(self, known: Iterable[Delivered] = (), *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._next = 1
        self._groups: dict[str, deque[Delivered]] = {}
        self._places: dict[str, dict[bytes, int]] = {}
        for delivered in known:
            self._add(delivered)

    def knows(self, source: str, key: bytes) -> bool:
        """Whether this delivery of the source is kept."""
        return _short(key) in self._places.get(source, {})

    def remember(self, keys: Mapping[str, Sequence[bytes]]) -> tuple[list[Delivered], list[int]]:
        """Keep the keys of one group: what to write, and the places of what may be forgotten."""
        added: list[Delivered] = []
        forgotten: list[int] = []
        for source, found in keys.items():
            delivered = Delivered(place=self._next, source=source, keys=tuple(map(_short, found)))
            self._add(delivered)
            added.append(delivered)
            forgotten.extend(self._forget(source))
        return added, forgotten

    def _add(self, delivered: Delivered) -> None:
        self._next = delivered.place + 1
        self._groups.setdefault(delivered.source, deque()).append(delivered)
        places = self._places.setdefault(delivered.source, {})
        for key in delivered.keys:
            places[key] = delivered.place

    def _forget(self, source: str) -> Iterable[int]:
        groups, places = self._groups[source], self._places[source]
        while len(groups) > 1 and len(places) - len(groups[0].keys) >= self._limit:
            oldest = groups.popleft()
            for key in oldest.keys:
                if places.get(key) == oldest.place:  # an equal key may have come again since
                    del places[key]
            yield oldest.place


def _short(key: bytes) -> bytes:
    return key if len(key) <= KEY_BYTES else hashlib.blake2b(key, digest_size=16).digest()
