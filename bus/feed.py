"""Reading topics of Kafka as a member of a group: what is committed was done, what was not comes again."""

import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from bus.address import Address
from bus.losses import Losses
from bus.trouble import Trouble
from wire.messages import NS_PER_S
from wire.ports import BusError, FeedEndedError, Record

WRONG = frozenset(
    {  # passes by itself no more; all else is a broker that is away for a while
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 -- the client's name for a refused login
    }
)
NS_PER_MS = NS_PER_S // 1000

log = logging.getLogger(__name__)


class KafkaFeed:
    """Implements wire.ports.Feed over the topics of one group; used by one thread.

    A member with an `instance` of its own takes up its partitions again when it is restarted, and nobody waits.
    """

    def __init__(
        self,
        address: Address,
        *,
        group: str,
        topics: Sequence[str],
        client_id: str = "",
        instance: str = "",
        lost: Callable[[str, int], None] = lambda _topic, _count: None,
    ) -> None:
        """`lost` is told of records that a topic let go before the group had read them."""
        self._topics = list(topics)
        self._settings: dict[str, str | int | float | bool | Callable[[KafkaError], None]] = {
            **address.settings(),
            "group.id": group,
            "client.id": client_id or group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "range",
            "session.timeout.ms": 10_000,
            "max.poll.interval.ms": 900_000,  # a store may be gone for long; nothing is given up meanwhile
            "queued.max.messages.kbytes": 65536,
            "message.max.bytes": 8 * 1024 * 1024,
            "isolation.level": "read_uncommitted",
            "error_cb": Trouble(),
            "log_level": 0,
        }
        if instance:
            self._settings["group.instance.id"] = instance
        self._consumer: Consumer | None = None
        self._losses = Losses(lost)
        self._wrong: BusError | None = None  # told after the records that came with it

    def __enter__(self) -> Self:
        """Join the group. Raises BusError."""
        try:
            self._consumer = Consumer(self._settings)
            self._consumer.subscribe(self._topics, on_assign=self._losses.assigned)
        except KafkaException as error:
            msg = f"the bus cannot be read: {error.args[0]}"
            raise BusError(msg) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the group; what was not committed comes again."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close()

    def read(self, *, limit: int, wait_s: float) -> list[Record]:
        """See wire.ports.Feed."""
        self._tell()
        try:
            messages = self._open().consume(limit, wait_s)
        except KafkaException as error:
            msg = f"the bus cannot be read: {error.args[0]}"
            raise BusError(msg) from error
        records = self._records(messages)
        self._losses.look(self._open(), records)
        if not records:
            self._tell()
        return records

    def _tell(self) -> None:
        wrong, self._wrong = self._wrong, None
        if wrong is not None:
            raise wrong

    def _records(self, messages: Sequence[Message]) -> list[Record]:
        """The records among some messages; they are gone from the client, so trouble beside them waits its turn."""
        found: list[Record] = []
        for message in messages:
            try:
                record = record_of(message)
            except BusError as error:
                self._wrong = error
            else:
                found += [record] if record is not None else []
        return found

    def commit(self, records: Sequence[Record]) -> None:
        """See wire.ports.Feed."""
        ends: dict[tuple[str, int], int] = {}
        for record in records:
            place = (record.topic, record.partition)
            ends[place] = max(ends.get(place, 0), record.offset + 1)
        try:
            if ends:
                offsets = [TopicPartition(*place, end) for place, end in ends.items()]
                self._open().commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            msg = f"what was done could not be committed to the bus, and will come again: {error.args[0]}"
            raise BusError(msg) from error

    def _open(self) -> Consumer:
        if self._consumer is None:
            msg = "the feed is closed"
            raise BusError(msg)
        return self._consumer


def record_of(message: Message) -> Record | None:
    """The record of a message; None for trouble that passes. Raises BusError for what does not."""
    error = message.error()
    if error is not None:
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 -- the client's name for its own end
            hint = ": is there another with the same --instance?" if "fenced" in error.str() else ""
            msg = f"the bus cannot be read any more: {error.str()}{hint}"
            raise FeedEndedError(msg)
        if error.code() in WRONG:
            msg = f"the bus cannot be read: {error.str()}"
            raise BusError(msg)
        log.warning("the bus is in trouble: %s", error.str())
        return None
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    key, body = message.key(), message.value()
    return Record(
        topic=topic,
        partition=partition,
        offset=offset,
        key=_bytes(key),
        body=_bytes(body),
        at_ns=message.timestamp()[1] * NS_PER_MS,
    )


def _bytes(text: bytes | str | None) -> bytes:
    return text.encode() if isinstance(text, str) else text or b""
