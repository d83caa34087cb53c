"""The records of the state topic: whose word counts, and which keys a new word replaces; knows no Kafka.

A key is `NAME@EPOCH`: the name of a record of the core and the ownership under which it was written. A worker that was
stopped, lost its partition and goes on writes under an old epoch, and the highest epoch wins, whatever came last.
"""

from collections.abc import Iterable, Mapping

import msgspec

MARKER = b"\0marker"  # written first: its offset is the end to read to, and the epoch of this ownership


class Records(msgspec.Struct):
    """The records of one partition: the newest word on each name, and every key under which it has one."""

    words: dict[str, bytes] = {}
    keys: dict[str, set[bytes]] = {}

    def told(self, name: str, epoch: int) -> tuple[bytes, tuple[bytes, ...]]:
        """The key for a new word on a name, and the keys that are to be erased once it is written."""
        key = key_of(name, epoch)
        old = tuple(sorted(self.keys.get(name, set()) - {key}))
        self.keys[name] = {key}
        return key, old

    def forgotten(self, name: str) -> tuple[bytes, ...]:
        """The keys to be erased for a name that is no more."""
        return tuple(sorted(self.keys.pop(name, set())))


def key_of(name: str, epoch: int) -> bytes:
    """The key of a record.

    >>> key_of("edge/hall", 7)
    b'edge/hall@7'
    """
    return b"%s@%d" % (name.encode(), epoch)


def collected(raw: Mapping[bytes, bytes]) -> tuple[Records, list[bytes]]:
    """What the live keys of a partition say, and the keys that are none of ours."""
    best: dict[str, int] = {}
    found, foreign = Records(), list[bytes]()
    for key, word in raw.items():
        name, at, epoch = key.rpartition(b"@")
        if not at or not epoch.isdigit() or not name.isascii():
            foreign.append(key)
            continue
        text, number = name.decode(), int(epoch)
        found.keys.setdefault(text, set()).add(key)
        if number >= best.get(text, -1):
            best[text] = number
            found.words[text] = word
    return found, foreign


def replay(records: Iterable[tuple[bytes, bytes | None]]) -> dict[bytes, bytes]:
    """The live keys after records in the order of their offsets; None erases.

    >>> replay([(b"a@1", b"x"), (b"b@1", b"y"), (b"a@1", None), (MARKER, b"")])
    {b'b@1': b'y'}
    """
    live: dict[bytes, bytes] = {}
    for key, word in records:
        if word is None:
            live.pop(key, None)
        elif not key.startswith(MARKER):
            live[key] = word
    return live
