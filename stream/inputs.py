"""What the core is given: inputs, and bytes that are none."""

import msgspec

from wire.envelope import pack
from wire.messages import Batch, DeadLetter, Input, Origin


class Unreadable(msgspec.Struct, frozen=True):
    """A record of the input log that holds no input, with the reason, its bytes, and where it lies if anybody knows."""

    reason: str
    body: bytes
    origin: Origin = Origin("", "unreadable", 0)


Item = Input | Unreadable
BODY = 64 * 1024  # bytes kept of what cannot be read


def origin_of(item: Item, edge: str) -> Origin:
    """Where an outcome comes from; what is no batch is named by its kind, with number 0."""
    if isinstance(item, Batch):
        return Origin(item.edge, item.log, item.seq)
    if isinstance(item, Unreadable):
        return item.origin
    return Origin(edge, type(item).__name__.lower(), 0)


def refused(item: Input, origin: Origin, source: str, reason: str, *, t_ns: int, device: str = "") -> DeadLetter:
    """An input that means nothing here, as a dead letter with its bytes: it may mean something later."""
    body = pack(item)
    return DeadLetter(origin, source, reason, body[:BODY], size=len(body), t_ns=t_ns, device=device)
