"""How far groups of readers are and whether anybody reads, for who asks as long as it lives, whatever brokers do.

`bus.lag` asks by librdkafka's requests to a group's coordinator, which end the process where a broker goes away in the
middle of one (confluentinc/librdkafka#4605). Here a consumer of each group that never joins it asks instead.
"""

import time
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Self, TypeVar

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka import ConsumerGroupState as _State
from confluent_kafka.admin import AdminClient

from bus.address import Address
from bus.lag import AGAIN_S, PASSING, Place
from wire.ports import BusError

TIMEOUT_S = 8.0
_Answer = TypeVar("_Answer")
END = -1  # asks for the offset that is given next


class GroupPositions:
    """Asks the brokers of one cluster; used by one thread."""

    def __init__(self, address: Address) -> None:
        self._servers = address.servers
        self._settings: dict[str, str | int | float | bool] = {
            **address.settings(),
            "log_level": 0,
            "socket.timeout.ms": 5000,
            "enable.auto.commit": False,
        }
        self._askers: dict[str, Consumer] = {}
        self._admin: AdminClient | None = None

    def __enter__(self) -> Self:
        """Connects at the first question."""
        admin = {key: value for key, value in self._settings.items() if key != "enable.auto.commit"}
        self._admin = AdminClient(admin)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        askers, self._askers = self._askers, {}
        for asker in askers.values():
            asker.close()

    def places(self, group: str, topics: Collection[str]) -> Mapping[tuple[str, int], Place]:
        """Where a group stands in every partition of some topics. Raises BusError."""
        return self._asked(group, lambda: self._places(self._asker(group), topics))

    def at_work(self, group: str) -> bool:
        """Whether there is anybody in a group. Raises BusError."""
        return self._asked(group, self._states).get(group, _State.EMPTY) not in {_State.EMPTY, _State.DEAD}

    def _states(self) -> Mapping[str, _State]:
        assert self._admin is not None
        found = self._admin.list_consumer_groups(request_timeout=TIMEOUT_S).result(2 * TIMEOUT_S)
        for error in found.errors:
            raise error
        return {each.group_id: each.state for each in found.valid}

    def _places(self, asker: Consumer, topics: Collection[str]) -> Mapping[tuple[str, int], Place]:
        there = asker.list_topics(timeout=TIMEOUT_S).topics
        parts = [(name, part) for name in topics if name in there for part in there[name].partitions]
        done = asker.committed([TopicPartition(*part) for part in parts], timeout=TIMEOUT_S)
        ends = asker.offsets_for_times([TopicPartition(*part, END) for part in parts], timeout=TIMEOUT_S)
        offsets = {(at.topic, at.partition): at.offset for at in ends}
        return {
            (at.topic, at.partition): Place(max(at.offset, 0), max(offsets[at.topic, at.partition], 0)) for at in done
        }

    def _asked(self, group: str, ask: Callable[[], _Answer]) -> _Answer:
        """Ask again while brokers are finding their places, as after a topic was made."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                return ask()
            except KafkaException as error:
                if error.args[0].code() not in PASSING or time.monotonic() > deadline:
                    msg = f"no Kafka broker tells of {group}, at {self._servers}: {error.args[0].str()}"
                    raise BusError(msg) from error
                time.sleep(AGAIN_S)

    def _asker(self, group: str) -> Consumer:
        if group not in self._askers:
            self._askers[group] = Consumer({**self._settings, "group.id": group})
        return self._askers[group]
