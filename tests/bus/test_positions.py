"""How far groups are, asked of a real broker that goes away and comes back while somebody asks."""

from collections.abc import Iterator

import pytest

from bus.address import Address
from bus.feed import KafkaFeed
from bus.lag import Place
from bus.positions import GroupPositions
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from wire.ports import BusError
from wire.topics import ALARMS, INPUTS

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        Topics(Address(servers=server.address)).create(layouts(3))
        yield server


def publish(address: Address, count: int) -> None:
    told: list[str] = []
    with KafkaPublisher(address, client_id="test") as publisher:
        for _ in range(count):
            publisher.publish(INPUTS, b"edge", b"body", told.append, partition=1)
        assert publisher.flush(30)
    assert told == [""] * count


def test_a_group_is_followed_through_what_it_reads_and_through_outages(broker: Kafka) -> None:
    address = Address(servers=broker.address)
    publish(address, 5)
    with GroupPositions(address) as positions, KafkaFeed(address, group="readers", topics=[INPUTS]) as feed:
        places = positions.places("readers", [INPUTS, ALARMS, "tocsin.none"])
        assert places[INPUTS, 1] == Place(done=0, end=5)
        assert sum(place.behind for place in places.values()) == 5
        assert {name for name, _ in places} == {INPUTS, ALARMS}
        assert not positions.at_work("nobody")
        records = list(feed.read(limit=2, wait_s=30))
        feed.commit(records)
        assert positions.at_work("readers")
        assert positions.places("readers", [INPUTS])[INPUTS, 1] == Place(done=2, end=5)
        for _ in range(2):
            broker.kill()
            for _ in range(2):
                with pytest.raises(BusError, match="no Kafka broker tells of readers"):
                    positions.places("readers", [INPUTS])
            broker.start()
            until(lambda: answers(positions), what="an answer")
            assert positions.places("readers", [INPUTS])[INPUTS, 1] == Place(done=2, end=5)


def answers(positions: GroupPositions) -> bool:
    try:
        positions.places("readers", [INPUTS])
        positions.at_work("readers")
    except BusError:
        return False
    return True
