"""The topics of the fleet: how each is laid out, making them, and refusing a layout that would lose data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from bus.address import Address
from bus.reasons import Heard, reason
from wire.config import DAY_NS
from wire.messages import NS_PER_S
from wire.ports import BusError
from wire.topics import ADVICE, ALARMS, DEAD, DEFAULT_PARTITIONS, INPUTS, SCORES, STATE

TIMEOUT_S = 6.0
NS_PER_MS = NS_PER_S // 1000
DAY_MS = str(DAY_NS // NS_PER_MS)
HOUR_MS = str(3_600_000)
LARGEST_BYTES = str(8 * 1024 * 1024)
COMMON = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": LARGEST_BYTES}
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": HOUR_MS,
    "max.compaction.lag.ms": HOUR_MS,
    "delete.retention.ms": DAY_MS,
}


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How one topic has to be: `settings` are checked, retention is only set when the topic is made."""

    name: str
    partitions: int
    settings: Mapping[str, str] = {}
    retention_ms: int = 0  # 0: kept for ever, or compacted

    def new(self, replicas: int) -> NewTopic:
        """The topic as it is to be made."""
        kept = {"retention.ms": str(self.retention_ms)} if self.retention_ms else {}
        return NewTopic(self.name, self.partitions, replicas, config={**COMMON, **self.settings, **kept})


def layouts(partitions: int = DEFAULT_PARTITIONS, *, retention_ns: int = 7 * DAY_NS) -> tuple[Layout, ...]:
    """Every topic; inputs and state have the same number of partitions, for life."""
    deleted, kept_ms = {"cleanup.policy": "delete"}, retention_ns // NS_PER_MS
    return (
        Layout(name=INPUTS, partitions=partitions, settings=deleted, retention_ms=kept_ms),
        Layout(name=STATE, partitions=partitions, settings=COMPACTED),
        Layout(name=SCORES, partitions=partitions, settings=deleted, retention_ms=kept_ms),
        Layout(name=ALARMS, partitions=partitions, settings=COMPACTED),
        Layout(name=ADVICE, partitions=partitions, settings=deleted, retention_ms=kept_ms),
        Layout(name=DEAD, partitions=partitions, settings=deleted, retention_ms=4 * kept_ms),
    )


class Topics:
    """The topics of one cluster, as its brokers tell. Raises BusError for settings that cannot be."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._heard = Heard()
        settings: dict[str, Any] = {
            **address.settings(),
            "log_level": 0,
            "socket.timeout.ms": 5000,
            "error_cb": self._heard,
        }
        try:
            self._admin = AdminClient(settings)
        except KafkaException as error:  # a file of the settings, most of all
            msg = f"`bus` cannot be used as it is: {error.args[0].str()}"
            raise BusError(msg) from error

    def partitions(self) -> dict[str, int]:
        """How many partitions each topic has. Raises BusError when no broker answers."""
        try:
            found = self._admin.list_topics(timeout=TIMEOUT_S).topics
        except KafkaException as error:
            self._admin.poll(0)  # complaints are handed out here
            raise BusError(reason(self._heard.said, self._address)) from error
        return {name: len(topic.partitions) for name, topic in found.items()}

    def create(self, wanted: Sequence[Layout], *, replicas: int = 1) -> list[str]:
        """Make what is missing; the names made. Raises BusError, also for a topic that is there and wrong."""
        there = self.partitions()
        missing = [layout for layout in wanted if layout.name not in there]
        if wrong := list(self.wrong([layout for layout in wanted if layout.name in there])):
            raise BusError("; ".join(wrong))
        if not missing:
            return []
        made = self._admin.create_topics([layout.new(replicas) for layout in missing], operation_timeout=TIMEOUT_S)
        for name, future in made.items():
            try:
                future.result(TIMEOUT_S)
            except KafkaException as error:
                msg = f"the topic {name} cannot be made: {error.args[0].str()}"
                raise BusError(msg) from error
        return [layout.name for layout in missing]

    def wrong(self, wanted: Sequence[Layout]) -> Iterator[str]:
        """What is wrong with the topics, a sentence each, with what to do."""
        there = self.partitions()
        for layout in wanted:
            if layout.name not in there:
                yield f"there is no topic {layout.name}: run tocsin stream --create-topics"
            elif there[layout.name] != layout.partitions and layout.name in {INPUTS, STATE}:
                yield (
                    f"{layout.name} has {there[layout.name]} partitions and {layout.partitions} are wanted: inputs and "
                    "state need the same number for life. Say that number with --partitions, or use other topics"
                )
        yield from self._settings([layout for layout in wanted if layout.name in there])

    def _settings(self, wanted: Sequence[Layout]) -> Iterator[str]:
        if not wanted:
            return
        asked = [ConfigResource(ResourceType.TOPIC, layout.name) for layout in wanted]
        by_name = {layout.name: layout for layout in wanted}
        for resource, future in self._admin.describe_configs(asked, request_timeout=TIMEOUT_S).items():
            try:
                found = future.result(TIMEOUT_S)
            except KafkaException as error:
                msg = f"the settings of {resource.name} cannot be read: {error.args[0].str()}"
                raise BusError(msg) from error
            policy = by_name[resource.name].settings["cleanup.policy"]
            if (entry := found.get("cleanup.policy")) is not None and entry.value != policy:
                yield (
                    f"{resource.name} has cleanup.policy={entry.value} and needs {policy}, or data is lost: "
                    f"kafka-configs.sh --alter --topic {resource.name} --add-config cleanup.policy={policy}"
                )
            if (entry := found.get("max.message.bytes")) is not None and int(entry.value or 0) < int(LARGEST_BYTES):
                yield (
                    f"{resource.name} has max.message.bytes={entry.value} and needs {LARGEST_BYTES}, or who sends more "
                    f"stands still there: kafka-configs.sh --alter --topic {resource.name} "
                    f"--add-config max.message.bytes={LARGEST_BYTES}"
                )
