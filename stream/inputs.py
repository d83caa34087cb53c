"""What the core is given: inputs, and bytes that are none."""

import msgspec

from wire.messages import Batch, Input, Origin


class Unreadable(msgspec.Struct, frozen=True):
    """A record of the input log that holds no input, with the reason and its bytes."""

    reason: str
    body: bytes


Item = Input | Unreadable


def origin_of(item: Item, edge: str) -> Origin:
    """Where an outcome comes from; what is no batch is named by its kind, with number 0."""
    if isinstance(item, Batch):
        return Origin(item.edge, item.log, item.seq)
    return Origin(edge, type(item).__name__.lower(), 0)
