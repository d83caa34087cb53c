"""The account after the attacks: what was said against what InfluxDB, the archive and the alarms hold."""

import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

import duckdb
import msgspec

from benchmarks.processes import until
from benchmarks.soak.plant import Plant
from benchmarks.soak.readings import Readings, ids, name_of
from bus.address import Address
from bus.history import history
from bus.lag import GroupLag
from store.archive.manifest import Manifest
from store.archive.place import place
from store.influx.address import parse
from store.influx.client import InfluxClient
from wire.envelope import unpack_outcome
from wire.topics import ALARMS, INPUTS

DRAINED_S = 300.0


class Account(msgspec.Struct, frozen=True):
    """What is missing and what is there twice, of so many readings; alarms by device, rule and onset."""

    readings: int
    lost_in_influx: int
    doubled_in_influx: int
    lost_in_archive: int
    doubled_in_archive: int
    alarms: int
    alarms_missing: int
    alarms_too_many: int
    alarms_not_in_influx: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        wrong = msgspec.structs.asdict(self)
        return not any(count for name, count in wrong.items() if name not in {"readings", "alarms"})


def drained(plant: Plant, readings: Readings) -> None:
    """Wait until every reading has gone all the way: out of the edges, scored, stored, archived."""
    lag = GroupLag(Address(servers=plant.kafka.address))
    wanted = readings.devices * readings.rows

    def behind(group: str) -> int:
        return sum(at.behind for at in lag.places(group, [INPUTS]).values())

    edges = [plant.role(edge) for edge in readings.edges]
    until(
        lambda: sum(role.figure("tocsin_edge_backlog_records") for role in edges) < len(edges) * 3,
        within_s=DRAINED_S,
        what="empty outboxes",
        every_s=0.5,
    )
    until(lambda: _stored(plant) >= wanted, within_s=DRAINED_S, what="all readings in InfluxDB", every_s=1.0)
    until(lambda: behind("tocsin-stream") < 100, within_s=DRAINED_S, what="the workers", every_s=0.5)
    until(lambda: behind("tocsin-sink") < 100, within_s=DRAINED_S, what="the sink", every_s=0.5)
    threading.Event().wait(3.0)  # what was read last is being written


def account(plant: Plant, readings: Readings, wanted: set[str]) -> Account:
    """Compare; the roles are stopped, so the archive has put down what it held."""
    with _client(plant) as client:
        stored_ids = {str(row["id"]) for each in client.query("SELECT id FROM alarms") for row in each.rows()}
        in_influx = _numbers(readings, lambda device: Counter(_influx_numbers(client, device)))
    archived = _archived(plant)
    in_archive = _numbers(readings, lambda device: archived[device])
    opened = (unpack_outcome(record.body) for record in history(Address(servers=plant.kafka.address), ALARMS))
    rung = ids(list(opened))
    return Account(
        readings=readings.devices * readings.rows,
        lost_in_influx=in_influx[0],
        doubled_in_influx=in_influx[1],
        lost_in_archive=in_archive[0],
        doubled_in_archive=in_archive[1],
        alarms=len(wanted),
        alarms_missing=len(wanted - rung),
        alarms_too_many=len(rung - wanted),
        alarms_not_in_influx=len(wanted - stored_ids),
    )


def _client(plant: Plant) -> InfluxClient:
    return InfluxClient(parse(plant.config.store, os.environ))


def _stored(plant: Plant) -> int:
    with _client(plant) as client:
        found = client.query("SELECT count(n) FROM readings")
    return sum(int(row["count"] or 0) for each in found for row in each.rows())


def _numbers(readings: Readings, of: Callable[[str], Counter[int]]) -> tuple[int, int]:
    lost = doubled = 0
    for device in range(readings.devices):
        counts = of(name_of(device))
        lost += sum(1 for number in range(1, readings.rows + 1) if not counts[number])
        doubled += sum(count - 1 for count in counts.values())
        assert set(counts) <= set(range(1, readings.rows + 1)), f"{name_of(device)} has numbers that nobody said"
    return lost, doubled


def _influx_numbers(client: InfluxClient, device: str) -> Iterator[int]:
    for each in client.query(f"SELECT n FROM readings WHERE device = '{device}'"):
        yield from (int(row["n"]) for row in each.rows() if isinstance(row["n"], int | float))


def _archived(plant: Plant) -> dict[str, Counter[int]]:
    """Every number in every file that the manifest names, as often as it stands there."""
    manifest = Manifest(place(str(plant.archive)))
    cuts = [*manifest.cuts(), *manifest.open_cuts()]
    files = [str(plant.archive / part.name) for cut in cuts for part in cut.files if part.devices]
    found: dict[str, Counter[int]] = defaultdict(Counter)
    query = "SELECT device, value, count(*) FROM read_parquet(?) WHERE channel = 'n' GROUP BY ALL"
    for device, value, count in duckdb.execute(query, [files]).fetchall():
        found[device][int(value)] = count
    return found
