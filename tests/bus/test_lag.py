"""How far groups are and who is in them, asked of a real broker that is killed again and again while somebody asks."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bus.address import Address, parse
from bus.feed import KafkaFeed
from bus.lag import GroupLag, Place, _login
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tocsin.roles.stream import settings_of
from wire.ports import BusError
from wire.topics import ALARMS, INPUTS

KILLS = 2
ASKER = """
import os, sys, threading
from bus.address import Address
from bus.lag import GroupLag
from wire.ports import BusError

def ask(lag, verb, *what):
    while True:
        try:
            getattr(lag, verb)("readers", *what)
            os.write(1, f"{verb}\\n".encode())
        except BusError:
            os.write(1, b"nobody\\n")

for verb, *what in (("places", ["tocsin.inputs"]), ("readers",)):
    threading.Thread(target=ask, args=(GroupLag(Address(servers=sys.argv[1])), verb, *what)).start()
"""


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


@pytest.mark.server
@pytest.mark.slow
def test_a_group_is_followed_through_what_it_reads_and_through_outages(broker: Kafka) -> None:
    address = Address(servers=broker.address)
    publish(address, 5)
    lag = GroupLag(address)
    with KafkaFeed(address, group="readers", topics=[INPUTS]) as feed:
        places = lag.places("readers", [INPUTS, ALARMS, "tocsin.none"])
        assert places[INPUTS, 1] == Place(done=0, end=5)
        assert sum(place.behind for place in places.values()) == 5
        assert {name for name, _ in places} == {INPUTS, ALARMS}
        assert lag.places("readers", ["tocsin.none"]) == {}
        assert lag.members("nobody") == 0
        records = list(feed.read(limit=2, wait_s=30))
        feed.commit(records)
        assert lag.members("readers") == 1
        assert lag.places("readers", [INPUTS])[INPUTS, 1] == Place(done=2, end=5)
        broker.kill()
        with pytest.raises(BusError, match="no Kafka broker tells how far readers is"):
            lag.places("readers", [INPUTS])
        with pytest.raises(BusError, match="no Kafka broker tells who is in readers"):
            lag.readers("readers")
        broker.start()
        until(lambda: answers(lag), what="an answer")
        assert lag.places("readers", [INPUTS])[INPUTS, 1] == Place(done=2, end=5)


def answers(lag: GroupLag) -> bool:
    try:
        lag.places("readers", [INPUTS])
        lag.members("readers")
    except BusError:
        return False
    return True


@pytest.mark.server
@pytest.mark.slow
def test_a_reader_is_known_by_its_instance_or_else_by_its_host_with_what_it_was_given(broker: Kafka) -> None:
    address = Address(servers=broker.address)
    named = KafkaFeed(address, group="crew", topics=[INPUTS], client_id="crew-client", instance="sink-2-b")
    unnamed = KafkaFeed(address, group="crew", topics=[INPUTS], client_id="crew-client")
    lag = GroupLag(address)

    def given() -> dict[str, int]:
        for feed in (named, unnamed):
            feed.read(limit=1, wait_s=0.1)
        return {reader.name: len(reader.places) for reader in lag.readers("crew")}

    with named, unnamed:
        until(lambda: sorted(given().values()) == [1, 2], what="both to be given something", within_s=60)
        readers = {reader.name: reader.places for reader in lag.readers("crew")}
    assert readers.keys() == {"sink-2-b", "127.0.0.1"}
    assert frozenset[tuple[str, int]]().union(*readers.values()) == {(INPUTS, part) for part in range(3)}


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_who_asks_without_pause_outlives_every_kill_of_the_broker_and_is_answered_again(
    broker: Kafka, tmp_path: Path
) -> None:
    with (
        KafkaFeed(Address(servers=broker.address), group="readers", topics=[INPUTS]),
        asking(broker.address, tmp_path / "said") as (process, said),
    ):

        def answered(before: Counter[str]) -> bool:
            assert process.poll() is None, f"who asks ended with {process.returncode}: {said()[-20:]}"
            gained = Counter(said()) - before
            return gained["places"] >= 20 and gained["readers"] >= 20

        until(lambda: answered(Counter()), what="answers")
        for _ in range(KILLS):
            broker.kill()
            broker.start()
            before = Counter(said())
            until(lambda before=before: answered(before), what="answers again", within_s=60)  # type: ignore[misc]
        assert set(said()) <= {"places", "readers", "nobody"}


@contextmanager
def asking(address: str, into: Path) -> Iterator[tuple["subprocess.Popen[bytes]", "Said"]]:
    with into.open("wb") as out:
        command = [sys.executable, "-W", "error", "-c", ASKER, address]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
    try:
        yield process, Said(into)
    finally:
        process.kill()
        process.wait(20)


class Said:
    """The whole lines that a process has written by now."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self) -> Sequence[str]:
        return self._path.read_text().rpartition("\n")[0].splitlines()


@pytest.mark.parametrize("query", ["", "?tls=true", "?sasl=SCRAM-SHA-512", "?tls=true&sasl=PLAIN"])
def test_who_asks_for_readers_logs_in_as_a_worker_does(query: str) -> None:
    secrets = {"TOCSIN_KAFKA_USERNAME": "plant", "TOCSIN_KAFKA_PASSWORD": "word"}
    address = parse(f"kafka://a:9092,b:9092/{query}", secrets)
    mine, worker = _login(address), settings_of(address).client()
    assert (mine.pop("ssl_context", None) is None) == (worker.pop("ssl_context", None) is None) == ("tls" not in query)
    assert mine == worker
