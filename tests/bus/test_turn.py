"""One of several has its turn, and another one once it has left; against a real broker."""

from pathlib import Path

import pytest

from bus.address import Address
from bus.topics import Topics, layouts
from bus.turn import Turn
from tests.servers.kafka import kafka
from tests.servers.ports import until
from wire.topics import ALARMS

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_one_of_two_has_its_turn_and_the_other_one_when_it_has_left(tmp_path: Path) -> None:
    with kafka(tmp_path) as broker:
        address = Address(servers=broker.address)
        Topics(address).create(layouts(4))
        both = [Turn(address, group="watch", topic=ALARMS) for _ in range(2)]

        def turns() -> list[bool]:
            return [each.mine(0.1) for each in both]

        with both[0], both[1]:
            # Each may be given the turn before it knows of the other: it is settled when both were given a share.
            until(lambda: sum(turns()) == 1 and all(each.shares for each in both), what="two that share")
            first = turns().index(True)
            both[first].__exit__(None, None, None)
            assert not both[first].mine(0.1)
            until(lambda: both[1 - first].mine(0.1), what="the turn of the one that is left")
