"""What a record of the inputs holds, or why it is none: who may say what under which key, and how much at once."""

from collections.abc import Callable

from stream.inputs import Item, Unreadable
from wire.envelope import Rejected, unpack_input
from wire.messages import Input, Origin
from wire.ports import Entry
from wire.topics import INPUTS

LARGEST_BYTES = 2 * 1024 * 1024  # an edge cuts its batches at 1 MB; working on more could outlast every patience


class Taken(Entry, frozen=True):
    """A record of the inputs as the bus gives it."""

    key: bytes = b""


def reader(partition: int) -> Callable[[Entry], Item]:
    """How records of a partition are opened; what is no input is told apart by its place on the bus.

    Under another edge's key a message lies where the rest of its edge is not, and would begin a second life there.
    """

    def read(entry: Entry) -> Item:
        key = entry.key if isinstance(entry, Taken) else b""
        item = unpack_input(entry.body) if len(entry.body) <= LARGEST_BYTES else _too_large(entry)
        reason = item.reason if isinstance(item, Rejected) else _misplaced(item, key)
        if not reason:
            assert not isinstance(item, Rejected)
            return item
        origin = Origin(edge=key.decode(errors="replace"), log=f"{INPUTS}/{partition}", seq=entry.pos)
        return Unreadable(reason, entry.body, origin)

    return read


def _too_large(entry: Entry) -> Rejected:
    return Rejected(f"an input of {len(entry.body)} bytes: no more than {LARGEST_BYTES} are taken at once")


def _misplaced(item: Input, key: bytes) -> str:
    edge = getattr(item, "edge", None)
    if edge is None or edge.encode() == key:
        return ""
    return f"a message of edge {edge[:200]!r} under the key {key[:200].decode(errors='replace')!r}"
