"""What `tocsin doctor` looks at in a fleet: the broker and its topics, how far everybody is, the store, the archive."""

import logging
import os
import time
from collections.abc import Iterator, Sequence

from bus.address import parse
from bus.lag import GroupLag
from bus.topics import Topics, layouts
from store.archive.audit import audit
from store.archive.errors import ArchiveError
from store.archive.place import place
from store.influx.address import is_influx
from store.influx.address import parse as influx_address
from store.influx.client import InfluxClient
from store.influx.errors import InfluxError
from store.influx.reading.book import Book
from store.influx.reading.reader import FleetReader
from store.influx.setup import store_check
from store.port import StoreAwayError
from tocsin.examining import device_doctor
from tocsin.examining.bench_doctor import of_reader
from tocsin.examining.finding import Finding, bad, good
from tocsin.places import archive_root
from wire.ports import BusError
from wire.settings import Loaded
from wire.topics import INPUTS, SCORES, STATE

READERS = {"tocsin-stream": (INPUTS,), "tocsin-sink": (INPUTS, SCORES), "tocsin-archive": (INPUTS,)}
BEHIND = 10_000  # records; below, a reader keeps up or soon will


def examine_fleet(loaded: Loaded) -> Iterator[Finding]:
    """Look at everything that the roles of a fleet need."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what stands in its way is told by who asks
    yield from _bus(loaded)
    yield from _store(loaded)
    yield from _archive(loaded)


def _bus(loaded: Loaded) -> Iterator[Finding]:
    try:
        address = parse(loaded.config.bus, os.environ)
        topics = Topics(address)
        there = topics.partitions()
        yield good("Kafka", f"{address.servers} answers")
        wrong = list(topics.wrong(layouts(there.get(INPUTS, there.get(STATE, 0)) or 1)))
        yield from (bad("topics", sentence) for sentence in wrong)
        if wrong:
            return
        yield good("topics", f"all are there, {there[INPUTS]} partitions of inputs")
        lag = GroupLag(address)
        for group, names in READERS.items():
            yield _reader(lag, group, names)
        if loaded.config.models:
            yield _keeper(lag, [rule.name for rule in loaded.config.models])
    except BusError as error:
        yield bad("Kafka", str(error))


def _reader(lag: GroupLag, group: str, names: tuple[str, ...]) -> Finding:
    behind, members = sum(at.behind for at in lag.places(group, names).values()), lag.members(group)
    role = group.removeprefix("tocsin-")
    if not members:
        return bad(role, f"nobody is at work and {behind} records wait: start `tocsin {role}`")
    said = f"{members} at work, {behind} records behind"
    return bad(role, f"{said}: add workers, or look at their /readyz") if behind > BEHIND else good(role, said)


def _keeper(lag: GroupLag, models: Sequence[str]) -> Finding:
    """Who keeps the models that the config names in [[models]]."""
    members = lag.members("tocsin-keep")
    if not members:
        return bad("keep", f"nobody keeps {', '.join(models)}, as [[models]] asks: start `tocsin keep`")
    return good("keep", f"{members} at work, {'one' if members > 1 else 'it'} keeps {', '.join(models)}")


def _benches(loaded: Loaded) -> Iterator[Finding]:
    with InfluxClient(influx_address(loaded.config.store, os.environ)) as client:
        reader = FleetReader(client, book=Book, site=loaded.config.site)
        try:
            yield from device_doctor.of_reader(reader, loaded.config)
            yield from of_reader(reader, loaded.config, time.time_ns())
        except (StoreAwayError, InfluxError) as error:
            yield bad("test benches", f"{error}: what runs there are cannot be asked")


def _store(loaded: Loaded) -> Iterator[Finding]:
    url = loaded.config.store
    if not is_influx(url):
        yield bad("store", f'store = "{url}" is a box\'s: a fleet needs store = "influxdb://HOST:8086/BUCKET?org=ORG"')
        return
    wrong = store_check(url, os.environ)
    yield from (bad("store", sentence) for sentence in wrong)
    if not wrong:
        yield good("store", f"{url.partition('?')[0]} answers")
        yield from _benches(loaded)


def _archive(loaded: Loaded) -> Iterator[Finding]:
    root = archive_root(loaded)
    try:
        found = audit(place(root))
    except ArchiveError as error:
        yield bad("archive", str(error))
        return
    yield from (bad("archive", sentence) for sentence in found.problems)
    if not found.problems:
        yield good("archive", f"{root}: {found.rows} rows in {found.files} files, nothing is missing")
