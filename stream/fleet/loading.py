"""Loading the state of partitions from Kafka, under an epoch of their own; the rest of the worker waits meanwhile."""

import asyncio
import logging
from collections.abc import Collection, Mapping

import faust
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.fleet.records import DAMAGED, MARKER, Live, Records, collected, replay
from stream.fleet.settings import WorkerSettings
from wire.topics import INPUTS, STATE

log = logging.getLogger(__name__)


class Loaded(msgspec.Struct, frozen=True):
    """One partition as it was left: its records, the epoch of this ownership, and the first offset to come."""

    records: Records
    epoch: int
    next_offset: int
    lost: int  # inputs that retention ate before anyone read them


async def load(
    settings: WorkerSettings, states: faust.TopicT, parts: Collection[int], committed: Mapping[int, int]
) -> dict[int, Loaded]:
    """Read the state of partitions; `committed` are the group's offsets, where it has any."""
    marks = await asyncio.gather(*[await states.send(key=MARKER, value=b"\x80", partition=part) for part in parts])
    ends = {TopicPartition(STATE, mark.partition): mark.offset for mark in marks}
    consumer = AIOKafkaConsumer(
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
        **settings.client(),
    )
    await consumer.start()
    try:
        inputs = [TopicPartition(INPUTS, part) for part in parts]
        lows, tops = await consumer.beginning_offsets(inputs), await consumer.end_offsets(inputs)
        raw = await _read(consumer, ends)
    finally:
        await consumer.stop()
    marked = {mark.partition: mark.offset for mark in marks}
    return {
        part: _loaded(part, raw[part], marked[part], (lows[place], tops[place]), committed.get(part))
        for part, place in zip(parts, inputs, strict=True)
    }


async def _read(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> dict[int, Live]:
    found: dict[int, list[tuple[bytes, bytes | None]]] = {place.partition: [] for place in ends}
    consumer.assign(list(ends))
    await consumer.seek_to_beginning(*ends)
    todo = set(ends)
    while todo:
        for place, messages in (await consumer.getmany(timeout_ms=200)).items():
            found[place.partition] += [(message.key or b"", message.value) for message in messages]
        todo = {place for place in todo if await consumer.position(place) <= ends[place]}
    return {part: replay(records) for part, records in found.items()}


def _loaded(part: int, raw: Live, epoch: int, there: tuple[int, int], committed: int | None) -> Loaded:
    records, foreign = collected(raw)
    for key in foreign:
        log.error("partition %d of %s has a record that is none of ours: %r", part, STATE, key[:80])
    for name, word in records.words.items():
        if word == DAMAGED:
            log.error("the record of %.200s in partition %d of %s is damaged: it starts cold", name, part, STATE)
    low, end = there
    done, known = committed or 0, records.next_offset
    if committed is not None and done < known <= end:
        done = known  # all that came of these is written down; only the acknowledgement is missing
    lost = low - done if committed is not None and low > done else 0
    if lost:
        log.error("%d inputs of partition %d went by retention before they were scored", lost, part)
    return Loaded(records, epoch, max(low, done), lost)
