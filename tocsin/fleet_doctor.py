"""What `tocsin doctor` looks at in a fleet: the broker and its topics, how far everybody is, the store, the archive."""

import logging
import os
from collections.abc import Iterator

from bus.address import parse
from bus.lag import GroupLag
from bus.topics import Topics, layouts
from store.archive.audit import audit
from store.archive.errors import ArchiveError
from store.archive.place import place
from store.influx.address import is_influx
from store.influx.setup import store_check
from tocsin.export import archive_root
from tocsin.finding import Finding, bad, good
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
    except BusError as error:
        yield bad("Kafka", str(error))


def _reader(lag: GroupLag, group: str, names: tuple[str, ...]) -> Finding:
    behind, members = sum(at.behind for at in lag.places(group, names).values()), lag.members(group)
    role = group.removeprefix("tocsin-")
    if not members:
        return bad(role, f"nobody is at work and {behind} records wait: start `tocsin {role}`")
    said = f"{members} at work, {behind} records behind"
    return bad(role, f"{said}: add workers, or look at their /readyz") if behind > BEHIND else good(role, said)


def _store(loaded: Loaded) -> Iterator[Finding]:
    url = loaded.config.store
    if not is_influx(url):
        yield bad("store", f'store = "{url}" is a box\'s: a fleet needs store = "influxdb://HOST:8086/BUCKET?org=ORG"')
        return
    wrong = store_check(url, os.environ)
    yield from (bad("store", sentence) for sentence in wrong)
    if not wrong:
        yield good("store", f"{url.partition('?')[0]} answers")


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
