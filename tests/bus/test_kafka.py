"""The bus against a real broker: nothing lost through an outage, wrong layouts refused in words."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from bus.address import Address, parse
from bus.feed import KafkaFeed
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import free_port, until
from wire.ports import BusError, Record
from wire.topics import ADVICE, DEAD, INPUTS, SCORES, STATE

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        Topics(Address(servers=server.address)).create(layouts(4))
        yield server


def read_all(feed: KafkaFeed, count: int) -> list[Record]:
    found: list[Record] = []

    def enough() -> bool:
        found.extend(feed.read(limit=500, wait_s=0.2))
        return len(found) >= count

    until(enough, what=f"{count} records")
    return found


def test_topics_are_made_once_and_then_found_right(broker: Kafka) -> None:
    topics = Topics(Address(servers=broker.address))
    assert topics.create(layouts(4)) == []
    assert list(topics.wrong(layouts(4))) == []


def test_a_wrong_number_of_partitions_is_refused_with_what_to_do(broker: Kafka) -> None:
    with pytest.raises(BusError, match=r"tocsin.inputs has 4 partitions and 48 are wanted.*--partitions"):
        Topics(Address(servers=broker.address)).create(layouts())


def test_a_topic_that_would_be_compacted_away_is_refused(tmp_path: Path) -> None:
    with kafka(tmp_path) as server:
        admin = AdminClient({"bootstrap.servers": server.address})
        for future in admin.create_topics([NewTopic(INPUTS, 4, 1, config={"cleanup.policy": "compact"})]).values():
            future.result(10)
        with pytest.raises(BusError, match=r"tocsin.inputs has cleanup.policy=compact and needs delete"):
            Topics(Address(servers=server.address)).create(layouts(4))
        with pytest.raises(BusError, match=r"tocsin.inputs has max.message.bytes=1048588 and needs 8388608"):
            Topics(Address(servers=server.address)).create(layouts(4))


def test_a_broker_that_is_not_there_is_named_within_ten_seconds() -> None:
    with pytest.raises(BusError, match=r"no Kafka broker answers at 127\.0\.0\.1"):
        Topics(Address(servers=f"127.0.0.1:{free_port()}")).partitions()


def test_records_of_one_key_come_in_order_through_an_outage_and_none_is_lost(broker: Kafka) -> None:
    told: list[str] = []
    address = parse(f"kafka://{broker.address}/?compression=zstd", {})
    with KafkaPublisher(address, client_id="test") as publisher:
        for number in range(300):
            if number == 100:
                broker.kill()
            if number == 200:
                threading.Thread(target=broker.start).start()
            publisher.publish(STATE, b"edge-1", b"%d" % number, told.append)
        assert publisher.flush(60)
    assert told == [""] * 300
    with KafkaFeed(address, group="order", topics=[STATE]) as feed:
        found = read_all(feed, 300)
    assert [int(record.body) for record in found] == list(range(300))


def test_what_was_not_committed_comes_again_and_what_was_does_not(broker: Kafka) -> None:
    address = Address(servers=broker.address)
    with KafkaPublisher(address, client_id="test") as publisher:
        for number in range(10):
            publisher.publish(DEAD, b"k", b"%d" % number, lambda _: None)
        assert publisher.flush(20)
    with KafkaFeed(address, group="again", topics=[DEAD]) as feed:
        feed.commit(read_all(feed, 10)[:4])
    with KafkaFeed(address, group="again", topics=[DEAD]) as feed:
        assert [int(record.body) for record in read_all(feed, 6)] == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("kafka:", "expected"),
        ("kafka://user:secret@a:9092", "environment"),
        ("kafka://a:9092/?sasl=PLAIN", "needs TOCSIN_KAFKA_USERNAME"),
        ("kafka://a:9092/?color=red", "color is no option"),
        ("kafka://a:9092/?compression=gz", "compression is one of"),
    ],
)
def test_an_address_that_cannot_be_is_refused_without_showing_a_secret(url: str, said: str) -> None:
    with pytest.raises(BusError, match=said) as caught:
        parse(url, {})
    assert "secret" not in str(caught.value)


def test_records_that_come_together_with_trouble_are_handed_out_before_it(broker: Kafka) -> None:
    address = Address(servers=broker.address)
    with KafkaPublisher(address, client_id="test") as publisher:
        for number in range(20):
            publisher.publish(ADVICE, b"e", b"%d" % number, lambda _: None)
        assert publisher.flush(20)
    with KafkaFeed(address, group="half", topics=[ADVICE, "tocsin.nowhere"]) as feed:
        found = feed.read(limit=21, wait_s=20)
        assert [int(record.body) for record in found] == list(range(20))
        with pytest.raises(BusError, match=r"tocsin\.nowhere"):
            feed.read(limit=1, wait_s=0.1)


def test_what_was_deleted_before_a_group_had_read_it_is_told_once(broker: Kafka) -> None:
    address, lost = Address(servers=broker.address), list[tuple[str, int]]()
    feed = partial(KafkaFeed, address, group="slow", topics=[SCORES], lost=lambda *said: lost.append(said))
    with KafkaPublisher(address, client_id="test") as publisher, feed() as first:
        for number in range(60):
            publisher.publish(SCORES, b"e", b"%d" % number, lambda _: None, partition=1)
        assert publisher.flush(20)
        first.commit(read_all(first, 60)[:10])
    admin = AdminClient({"bootstrap.servers": broker.address})
    for future in admin.delete_records([TopicPartition(SCORES, 1, 50)]).values():
        future.result(20)
    for _ in range(2):
        with feed() as again:
            found = read_all(again, 9)
            again.commit(found[:1])
    assert lost == [(SCORES, 40)]


def test_the_first_of_two_members_with_one_instance_is_told_that_it_reads_no_more(broker: Kafka) -> None:
    address = Address(servers=broker.address)
    with KafkaPublisher(address, client_id="test") as publisher:
        publisher.publish(ADVICE, b"e", b"1", lambda _: None)
        assert publisher.flush(20)
    feed = partial(KafkaFeed, address, group="twins", topics=[ADVICE], instance="twin")

    def ended(feed: KafkaFeed) -> bool:
        try:
            feed.read(limit=10, wait_s=0.1)
        except BusError as error:
            return "another with the same --instance" in str(error)
        return False

    with feed() as first:
        read_all(first, 1)
        with feed() as second:
            read_all(second, 1)
            until(lambda: ended(first), what="the first to be told")


def test_a_publisher_goes_on_after_a_broker_lost_what_it_had_confirmed(tmp_path: Path) -> None:
    told: list[str] = []
    with kafka(tmp_path) as server:
        address = Address(servers=server.address)
        Topics(address).create(layouts(1))
        with KafkaPublisher(address, client_id="test") as publisher:
            for number in range(20):
                publisher.publish(INPUTS, b"e", b"%d" % number, told.append)
                assert publisher.flush(20)
            server.cut_power(f"{INPUTS}-0")
            server.start()
            publisher.publish(INPUTS, b"e", b"under way", told.append)
            assert publisher.flush(20)
            assert told[-1]
            until(lambda: published(publisher, b"again"), what="the bus to take records again")


def published(publisher: KafkaPublisher, body: bytes) -> bool:
    told: list[str] = []
    try:
        publisher.publish(INPUTS, b"e", body, told.append)
    except BusError:
        return False
    return publisher.flush(20) and told == [""]


def test_a_full_publisher_says_so_and_waits_for_no_broker_for_ever() -> None:
    with KafkaPublisher(Address(servers=f"127.0.0.1:{free_port()}"), client_id="test") as publisher:

        def fill() -> None:
            for _ in range(100):
                publisher.publish(INPUTS, b"e", bytes(1_000_000), lambda _: None)

        with pytest.raises(BusError, match=r"\d+ records wait"):
            fill()
