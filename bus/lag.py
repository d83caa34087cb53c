"""How far groups of readers are and who is in them, as the brokers see it, whatever the readers say of themselves.

Nothing here asks by the requests of librdkafka's admin client to a group's coordinator: they end the process where a
broker goes away in the middle of one (confluentinc/librdkafka#4605). A consumer that never joins its group tells where
the group stands, and a client in Python who is in it.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bus.address import Address
from wire.ports import BusError

TIMEOUT_S, REQUEST_S, AGAIN_S = 8.0, 5.0, 0.2
PASSING = frozenset(
    {  # what brokers say that are finding their places
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
    }
)
END = -1  # asks for the offset that is given next
UUID_CHARS = 36
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


class _NoAnswerError(Exception):
    """Why there is none, and whether that passes by itself within seconds."""

    def __init__(self, why: str, *, passes: bool = False) -> None:
        super().__init__(why)
        self.passes = passes


class GroupLag:
    """Asks the brokers of one cluster, through all that they do, for as long as it is kept.

    Used by one thread, and not inside a running event loop: a watchdog, a reporter, a page each have one of their own.
    Connects at the first question, and lets go when nobody holds it: it is no member of anything and has none to leave.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._askers: dict[str, Consumer] = {}

    def places(self, group: str, topics: Collection[str]) -> Mapping[tuple[str, int], Place]:
        """Where a group stands in every partition of some topics. Raises BusError."""
        return self._asked(f"how far {group} is", lambda: self._places(group, topics))

    def readers(self, group: str) -> Sequence[Reader]:
        """Who is in a group. Raises BusError."""
        return self._asked(f"who is in {group}", lambda: asyncio.run(_readers(self._address, group)))

    def members(self, group: str) -> int:
        """How many readers are in a group. Raises BusError."""
        return len(self.readers(group))

    def _places(self, group: str, topics: Collection[str]) -> Mapping[tuple[str, int], Place]:
        try:
            asker = self._asker(group)
            there = asker.list_topics(timeout=TIMEOUT_S).topics
            parts = [(name, part) for name in topics if name in there for part in there[name].partitions]
            if not parts:
                return {}
            done = asker.committed([TopicPartition(*part) for part in parts], timeout=TIMEOUT_S)
            ends = asker.offsets_for_times([TopicPartition(*part, END) for part in parts], timeout=TIMEOUT_S)
        except KafkaException as error:
            raise _NoAnswerError(error.args[0].str(), passes=error.args[0].code() in PASSING) from error
        for at in (*done, *ends):
            if at.error is not None:
                raise _NoAnswerError(at.error.str(), passes=at.error.code() in PASSING)
        offsets = {(at.topic, at.partition): max(at.offset, 0) for at in ends}
        return {(at.topic, at.partition): Place(max(at.offset, 0), offsets[at.topic, at.partition]) for at in done}

    def _asked(self, what: str, ask: Callable[[], _Answer]) -> _Answer:
        """Ask again while brokers are finding their places, as after a topic was made."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                return ask()
            except _NoAnswerError as error:
                if not error.passes or time.monotonic() > deadline:
                    msg = f"no Kafka broker tells {what}, at {self._address.servers}: {error}"
                    raise BusError(msg) from error
                time.sleep(AGAIN_S)

    def _asker(self, group: str) -> Consumer:
        if group not in self._askers:
            settings: dict[str, str | int | float | bool] = {
                **self._address.settings(),
                "group.id": group,
                "enable.auto.commit": False,
                "socket.timeout.ms": int(REQUEST_S * 1000),
                "reconnect.backoff.max.ms": 2000,
                "log_level": 0,  # what goes wrong is raised
            }
            self._askers[group] = Consumer(settings)
        return self._askers[group]


async def _readers(address: Address, group: str) -> Sequence[Reader]:
    from aiokafka.admin import AIOKafkaAdminClient  # noqa: PLC0415 -- an edge has none, and asks for no group
    from aiokafka.errors import KafkaConnectionError, for_code  # noqa: PLC0415
    from aiokafka.errors import KafkaError as NoAnswer  # noqa: PLC0415

    try:
        async with asyncio.timeout(TIMEOUT_S):
            client = AIOKafkaAdminClient(**_login(address), request_timeout_ms=int(REQUEST_S * 1000))
            try:
                await client.start()
                answer = await client.describe_consumer_groups([group])
            finally:
                await client.close()
        code, *_, members = answer[0].groups[0][:6]
        if code:
            raise for_code(code)
    except NoAnswer as error:
        passes = error.retriable and not isinstance(error, KafkaConnectionError)
        raise _NoAnswerError(str(error), passes=passes) from error
    except (TimeoutError, OSError) as error:
        raise _NoAnswerError(str(error) or f"no answer in {TIMEOUT_S:g} s") from error
    return [Reader(name_of(one, client, host), _given(given)) for one, client, host, _, given in members]


def name_of(member: str, client: str, host: str) -> str:
    """The instance of a member, or else its host.

    aiokafka's version of the answer has no instance; the coordinator makes a member's id of it, or else of the id of
    its client, and a UUID.

    >>> name_of("sink-2-0b8e0a6e-5d0c-4a52-93f1-3c5b7a0d1e2f", "tocsin-sink", "/10.0.0.7")
    'sink-2'
    >>> name_of("tocsin-sink-0b8e0a6e-5d0c-4a52-93f1-3c5b7a0d1e2f", "tocsin-sink", "/10.0.0.7")
    '10.0.0.7'
    """
    said = member[: -UUID_CHARS - 1]
    return host.strip("/") if said == client else said


def _given(assignment: bytes) -> frozenset[tuple[str, int]]:
    """Of a group that is just handing out its partitions, nobody has any."""
    from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment  # noqa: PLC0415 -- as above

    if not assignment:
        return frozenset()
    return frozenset(
        (name, part) for name, parts in ConsumerProtocolMemberAssignment.decode(assignment).assignment for part in parts
    )


def _login(address: Address) -> dict[str, object]:
    """What aiokafka needs to connect."""
    protocol = ("SASL_" if address.sasl else "") + ("SSL" if address.tls else "PLAINTEXT")
    said: dict[str, object] = {"bootstrap_servers": address.servers.split(","), "security_protocol": protocol}
    if address.tls:
        said["ssl_context"] = context = ssl.create_default_context(cafile=address.ca_file or None)
        if address.cert_file:
            context.load_cert_chain(address.cert_file, address.key_file or None)
    if address.sasl:
        said |= {
            "sasl_mechanism": address.sasl,
            "sasl_plain_username": address.username,
            "sasl_plain_password": address.password,
        }
    return said
