"""The records of the state topic: whose word counts, and which keys a new word replaces; knows no Kafka.

A key is `NAME@EPOCH`: the name of a record of the core and the ownership under which it was written. A worker that was
stopped, lost its partition and goes on writes under an old epoch, and the highest epoch wins, whatever came last.

A worker killed in the middle of a checkpoint leaves some of its words: they would put one record ahead of another, and
the same inputs, worked again, would have other outcomes. What no DONE stands behind is therefore left out. DONE says up
to which input the words before it go: those are not worked again, even if nobody came to acknowledge them.

A word is sealed with its name: the record of another device, or a damaged one, is known for what it is, and the device
starts cold instead of going on as somebody else.
"""

import binascii
import logging
from collections.abc import Iterable

import msgspec

from stream.state import is_key

MARKER = b"\0marker"  # written first: its offset is the end to read to, and the epoch of this ownership
DONE = b"\0done"  # written behind the words of a checkpoint: without it none of them counts
DONE_NAME, DONE_PARTS = "done", 2
DAMAGED = b"\0"  # what is read in place of a word that is none
LARGEST_BYTES = 7 * 1024 * 1024  # of a record; brokers take 8 MiB with all that is around it
DIGITS = 19  # of an epoch, at most

log = logging.getLogger(__name__)


class Records(msgspec.Struct):
    """The records of one partition: the newest word on each name, and every key under which it has one."""

    words: dict[str, bytes] = {}
    keys: dict[str, set[bytes]] = {}
    torn: set[str] = set()  # names with a word that does not count: to be written anew
    next_offset: int = 0  # of the inputs that these words know nothing of yet, 0 if nobody said

    def told(self, name: str, epoch: int) -> tuple[bytes, tuple[bytes, ...]]:
        """The key for a new word on a name, and the keys that are to be erased once it is written."""
        key = key_of(name, epoch)
        old = tuple(sorted(self.keys.get(name, set()) - {key}))
        self.keys[name] = {key}
        return key, old

    def written(self, name: str, word: bytes) -> bytes:
        """A word as it goes to the bus; in place of one that no broker would take, one that says that it is lost."""
        record = sealed(name, word)
        if len(name) + len(record) <= LARGEST_BYTES:
            return record
        log.error("the state of %.200s takes %d bytes and cannot be kept: it will start cold", name, len(record))
        return DAMAGED

    def forgotten(self, name: str) -> tuple[bytes, ...]:
        """The keys to be erased for a name that is no more."""
        return tuple(sorted(self.keys.pop(name, set())))


def key_of(name: str, epoch: int) -> bytes:
    """The key of a record.

    >>> key_of("edge/hall", 7)
    b'edge/hall@7'
    """
    return b"%s@%d" % (name.encode(), epoch)


def sealed(name: str, word: bytes) -> bytes:
    r"""A word as it is written under a name.

    >>> opened("edge/hall", sealed("edge/hall", b"x")), opened("edge/yard", sealed("edge/hall", b"x"))
    (b'x', b'\x00')
    """
    return binascii.crc32(word, binascii.crc32(name.encode())).to_bytes(4, "big") + word


def opened(name: str, record: bytes) -> bytes:
    """The word that was sealed under this name, DAMAGED if there is none."""
    word = record[4:]
    return word if word and sealed(name, word) == record else DAMAGED


def done(epoch: int, next_offset: int) -> bytes:
    """What is written under DONE: whose checkpoint it was, and the first input that it knows nothing of."""
    return sealed(DONE_NAME, b"%d %d" % (epoch, next_offset))


def collected(raw: "Live") -> tuple[Records, list[bytes]]:
    """What the live keys of a partition say, and the keys that are none of ours."""
    best: dict[str, int] = {}
    found, foreign = Records(next_offset=raw.next_offset), list[bytes]()
    for key in dict.fromkeys([*raw.words, *raw.torn]):
        name, _, epoch = key.rpartition(b"@")
        if not (epoch.isdigit() and len(epoch) <= DIGITS and name.isascii() and is_key(name.decode())):
            foreign.append(key)
            continue
        text, number = name.decode(), int(epoch)
        found.keys.setdefault(text, set()).add(key)
        if key in raw.torn:
            found.torn.add(text)
        if key in raw.words and number >= best.get(text, -1):
            best[text] = number
            found.words[text] = opened(text, raw.words[key])
    return found, foreign


class Live(msgspec.Struct):
    """The words of live keys, and the keys of words that do not count."""

    words: dict[bytes, bytes] = {}
    torn: set[bytes] = set()
    epoch: int = -1  # of the checkpoint whose offset counts
    next_offset: int = 0


def replay(records: Iterable[tuple[bytes, bytes | None]]) -> Live:
    """The live keys after records in the order of their offsets; None erases.

    >>> replay([(b"a@1", b"x"), (b"b@1", b"y"), (DONE, done(1, 8)), (b"a@1", None), (b"b@1", b"z"), (MARKER, b"")])
    Live(words={b'b@1': b'y'}, torn={b'b@1'}, epoch=1, next_offset=8)
    """
    live = Live()
    begun: dict[bytes, bytes] = {}
    for key, word in records:
        if key == DONE:
            told = opened(DONE_NAME, word or b"").split()
            if len(told) != DONE_PARTS:
                continue  # damaged: as if it were not there
            live.words |= begun
            begun.clear()
            if int(told[0]) >= live.epoch:
                live.epoch, live.next_offset = int(told[0]), int(told[1])
        elif word is None:
            live.words.pop(key, None)
            begun.pop(key, None)
        elif not key.startswith(MARKER):
            begun[key] = word
    live.torn = set(begun)
    return live
