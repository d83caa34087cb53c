"""What a topic let go before its group had read it, as retention does: told when the next record comes."""

import logging
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaException, TopicPartition

from wire.ports import Record

ASK_S = 5.0

log = logging.getLogger(__name__)


class Losses:
    """Compares where a group stands with the first record that it gets of a partition; used by one thread.

    `told` hears of each loss: the topic and how many records. What the brokers do not answer is not known.
    """

    def __init__(self, told: Callable[[str, int], None]) -> None:
        self._told = told
        self._wanted: dict[tuple[str, int], int] = {}

    def assigned(self, consumer: Consumer, places: Sequence[TopicPartition]) -> None:
        """Note where the group stands in partitions that this member was given."""
        try:
            stands = consumer.committed(list(places), timeout=ASK_S)
        except KafkaException as error:
            log.debug("where the group stands is not known: %s", error)
            return
        self._wanted |= {(at.topic, at.partition): at.offset for at in stands if at.offset >= 0}

    def look(self, consumer: Consumer, records: Sequence[Record]) -> None:
        """Tell what is missing before the first record of a partition."""
        for record in records:
            wanted = self._wanted.pop((record.topic, record.partition), record.offset)
            if record.offset > wanted:
                self._lost(consumer, record, wanted)

    def _lost(self, consumer: Consumer, record: Record, wanted: int) -> None:
        place = TopicPartition(record.topic, record.partition)
        try:
            first, _ = consumer.get_watermark_offsets(place, timeout=ASK_S)
        except KafkaException as error:
            log.debug("where %s begins is not known: %s", record.topic, error)
            return
        count = min(first, record.offset) - wanted  # past the first, it is another member that went on
        if count > 0:
            log.error(
                "%s partition %d: %d records from offset %d on were deleted before they were read here: the topic has "
                "to keep its records for longer (retention.ms, retention.bytes)",
                record.topic,
                record.partition,
                count,
                wanted,
            )
            self._told(record.topic, count)
