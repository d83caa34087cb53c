"""What people do, put on the bus as inputs; durable before it is answered. Knows no Kafka."""

import threading
from itertools import count

from wire.envelope import pack
from wire.messages import ModelChange, Tick
from wire.ports import BusError, Publisher, Wish
from wire.topics import INPUTS

CONFIRM_S = 6.0  # a person waits for it


class BusInbox:
    """Implements wire.ports.Inbox over a publisher that gives up after CONFIRM_S; may be used by several threads.

    The key is the edge: whoever owns its devices gets the input in the order of all others about them.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._places = count(1)

    def append(self, message: Wish) -> int:
        """Return its place among what was put here, when all replicas have it. Raises BusError."""
        if isinstance(message, Tick | ModelChange):
            msg = f"{message.__struct_config__.tag} is of no edge: it goes into every partition, or into none"
            raise BusError(msg)
        told, ended = list[str](), threading.Event()

        def done(error: str) -> None:
            told.append(error)
            ended.set()

        self._publisher.publish(INPUTS, message.edge.encode(), pack(message), done)
        if not ended.wait(2 * CONFIRM_S) or told[0]:
            msg = f"Kafka did not take it ({told[0] if told else 'no answer'}), so it may not be done: do it again"
            raise BusError(msg)
        return next(self._places)
