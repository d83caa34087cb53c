"""What comes to a key from now on, against a real broker."""

from pathlib import Path

import pytest

from bus.address import Address
from bus.history import history
from bus.places import partition_of
from bus.publisher import KafkaPublisher
from bus.tail import Tail
from bus.topics import Topics, layouts
from tests.servers.kafka import kafka
from tests.servers.ports import free_port, until
from wire.ports import BusError, Record
from wire.topics import ADVICE

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_a_tail_tells_what_comes_to_its_key_from_now_on_and_nothing_else(tmp_path: Path) -> None:
    with kafka(tmp_path) as server:
        address = Address(servers=server.address)
        with pytest.raises(BusError, match="--create-topics"), Tail(address, topic=ADVICE, key=b"e", client_id="t"):
            pass
        Topics(address).create(layouts(4))
        with KafkaPublisher(address, client_id="t") as publisher:
            keys = [b"edge-%d" % number for number in range(20)]
            for key in keys:
                publisher.publish(ADVICE, key, b"old", lambda _: None)
            assert publisher.flush(20)
            assert all(partition_of(each.key, 4) == each.partition for each in history(address, ADVICE))
            found: list[Record] = []
            with Tail(address, topic=ADVICE, key=b"edge-7", client_id="t") as tail:
                for key in keys:
                    publisher.publish(ADVICE, key, b"new", lambda _: None)

                def came() -> bool:
                    found.extend(tail.read(limit=100, wait_s=0.1))
                    return bool(found)

                until(came, what="the record")
            assert [(each.key, each.body) for each in found] == [(b"edge-7", b"new")]


def test_a_broker_that_is_away_is_said() -> None:
    away = Tail(Address(servers=f"127.0.0.1:{free_port()}"), topic=ADVICE, key=b"e", client_id="t")
    with pytest.raises(BusError, match=r"tocsin\.advice cannot be read at 127"), away:
        pass
