"""Which of several processes of one kind has its turn: the others stand by until it is gone."""

import logging
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bus.address import Address
from bus.feed import record_of
from bus.trouble import Trouble
from wire.ports import BusError

FORGOTTEN_MS = 45_000  # after which one that says nothing is gone; a broker that restarts takes less

log = logging.getLogger(__name__)


class Turn:
    """Whoever of a group is given partition 0 of a topic has it; nothing is read. Used by one thread.

    The group shares partitions anew whenever somebody joins or leaves; until it has, who had the turn keeps it. One
    that Kafka has forgotten has it no more.
    """

    def __init__(self, address: Address, *, group: str, topic: str) -> None:
        self._topic = topic
        self._settings = {
            **address.settings(),
            "group.id": group,
            "client.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            "partition.assignment.strategy": "range",
            "session.timeout.ms": FORGOTTEN_MS,
            "error_cb": Trouble(),
            "log_level": 0,
        }
        self._consumer: Consumer | None = None
        self._mine = False
        self.shares = 0  # partitions of its own: 0 while it is in no group, or one of too many

    def __enter__(self) -> Self:
        """Join the group. Raises BusError."""
        try:
            self._consumer = Consumer(self._settings)
            self._consumer.subscribe(
                [self._topic], on_assign=self._assigned, on_revoke=_revoked, on_lost=self._forgotten
            )
        except KafkaException as error:
            msg = f"the bus cannot be read: {error.args[0]}"
            raise BusError(msg) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the group, so that the next one has its turn at once."""
        consumer, self._consumer, self._mine = self._consumer, None, False
        if consumer is not None:
            consumer.close()

    def mine(self, wait_s: float) -> bool:
        """Whether it is this one's turn, after listening for so long. Raises BusError."""
        if self._consumer is None:
            return False
        try:
            message = self._consumer.poll(wait_s)
        except KafkaException as error:
            msg = f"the bus cannot be read: {error.args[0]}"
            raise BusError(msg) from error
        if message is not None:
            record_of(message)
        return self._mine

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        consumer.assign(places)
        consumer.pause(places)
        self.shares = len(places)
        self._mine = any(place.partition == 0 for place in places)

    def _forgotten(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        consumer.unassign()
        self._mine = self._mine and not any(place.partition == 0 for place in places)


def _revoked(consumer: Consumer, places: list[TopicPartition]) -> None:  # noqa: ARG001 -- the next share-out decides
    consumer.unassign()
