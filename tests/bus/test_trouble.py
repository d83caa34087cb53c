"""What clients of the bus complain of is said once an outage."""

import logging
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError

from bus.address import Address
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from bus.trouble import QUIET_S, Trouble
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from wire.topics import INPUTS

GONE = KafkaError(KafkaError._TRANSPORT, "connection refused")
DOWN = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")


def test_an_outage_is_said_once_however_long_it_lasts_and_the_next_one_again(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [0.0]
    trouble = Trouble(now_s=lambda: now_s[0])
    with caplog.at_level(logging.WARNING):
        for now_s[0] in range(0, 300, 30):
            trouble(GONE)
            trouble(DOWN)
        assert caplog.messages == ["the bus is in trouble: connection refused"]
        now_s[0] += QUIET_S
        trouble(DOWN)
        trouble(GONE)
    assert caplog.messages[1:] == ["the bus is in trouble: 1/1 brokers are down"]


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        Topics(Address(servers=server.address)).create(layouts(1))
        yield server


@pytest.mark.server
@pytest.mark.slow
def test_a_publisher_is_in_trouble_while_something_waits_and_well_again_when_nothing_does(
    broker: Kafka, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    with KafkaPublisher(Address(servers=broker.address), client_id="test") as publisher:
        publisher.publish(INPUTS, b"edge", b"1", told.append)
        until(lambda: told == [""], what="the first")
        broker.kill()
        publisher.publish(INPUTS, b"edge", b"2", told.append)
        until(lambda: publisher.trouble != "", what="the trouble")
        broker.start()
        until(lambda: told == ["", ""], what="the second")
        broker.kill()
        broker.start()
        assert publisher.trouble == ""
    assert capfd.readouterr().err == ""
