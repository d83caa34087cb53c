"""How far a group of readers is behind, as the brokers see it, whatever the readers say of themselves."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import msgspec
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from bus.address import Address
from wire.ports import BusError

TIMEOUT_S, AGAIN_S = 8.0, 0.2
PASSING = frozenset(
    {  # what brokers say that are finding their places
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
    }
)
_Answer = TypeVar("_Answer")


class Place(msgspec.Struct, frozen=True):
    """Where a group stands in a partition: `done` is the committed offset (0: none yet), `end` the next to be given."""

    done: int
    end: int

    @property
    def behind(self) -> int:
        """How many records are to be read."""
        return max(self.end - self.done, 0)


class Reader(msgspec.Struct, frozen=True):
    """A member of a group: its instance, or else its host, and the partitions that it was given."""

    name: str
    places: frozenset[tuple[str, int]]


class GroupLag:
    """Asks the brokers of one cluster."""

    def __init__(self, address: Address) -> None:
        self._servers = address.servers
        self._admin = AdminClient({**address.settings(), "log_level": 0, "socket.timeout.ms": 5000})

    def places(self, group: str, topics: Collection[str]) -> Mapping[tuple[str, int], Place]:
        """Where a group stands in every partition of some topics. Raises BusError."""
        return self._asked(f"how far {group} is", lambda: self._places(group, topics))

    def members(self, group: str) -> int:
        """How many readers are in a group. Raises BusError."""
        return len(self.readers(group))

    def readers(self, group: str) -> Sequence[Reader]:
        """Who is in a group. Raises BusError."""

        def ask() -> Sequence[Reader]:
            answer = self._admin.describe_consumer_groups([group], request_timeout=TIMEOUT_S)
            return [
                Reader(
                    member.group_instance_id or member.host.strip("/"),
                    frozenset((part.topic, part.partition) for part in member.assignment.topic_partitions),
                )
                for member in answer[group].result(TIMEOUT_S).members
            ]

        return self._asked(f"who is in {group}", ask)

    def _places(self, group: str, topics: Collection[str]) -> Mapping[tuple[str, int], Place]:
        there = self._admin.list_topics(timeout=TIMEOUT_S).topics
        parts = [TopicPartition(name, part) for name in topics if name in there for part in there[name].partitions]
        if not parts:
            return {}
        wanted = [ConsumerGroupTopicPartitions(group, parts)]
        answer = self._admin.list_consumer_group_offsets(wanted, request_timeout=TIMEOUT_S)
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        ends = self._admin.list_offsets(dict.fromkeys(parts, newest), request_timeout=TIMEOUT_S)
        done = {(at.topic, at.partition): at.offset for at in answer[group].result(TIMEOUT_S).topic_partitions}
        return {
            (part.topic, part.partition): Place(
                max(done.get((part.topic, part.partition), 0), 0), found.result(TIMEOUT_S).offset
            )
            for part, found in ends.items()
        }

    def _asked(self, what: str, ask: Callable[[], _Answer]) -> _Answer:
        """Ask again while brokers are finding their places, as after a topic was made."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                return ask()
            except (KafkaException, TimeoutError) as error:
                why = error.args[0].str() if isinstance(error, KafkaException) else f"no answer in {TIMEOUT_S:g} s"
                passing = isinstance(error, KafkaException) and error.args[0].code() in PASSING
                if time.monotonic() > deadline or not passing:
                    msg = f"no Kafka broker says {what}, at {self._servers}: {why}"
                    raise BusError(msg) from error
                time.sleep(AGAIN_S)
