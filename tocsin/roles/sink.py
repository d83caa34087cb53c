"""`tocsin sink`: from Kafka into InfluxDB."""

import logging
import os
import socket
import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from functools import partial

from bus.address import Address
from bus.feed import KafkaFeed
from bus.lag import GroupLag
from bus.publisher import KafkaPublisher
from bus.topics import Topics
from store.influx.address import InfluxAddress, is_influx, parse
from store.influx.channels import channel_lines
from store.influx.client import InfluxClient
from store.influx.errors import InfluxAwayError, InfluxError
from store.influx.lines import Lines
from store.influx.load import TOPICS
from store.influx.order import COMPACTED
from store.influx.reporter import ROLE, Reporter
from store.influx.sink import Sink
from tocsin.roles.fleet import RoleError, Work
from tocsin.roles.group_figures import GroupFigures
from tocsin.roles.vitals import Probe, Vital
from wire.settings import Loaded
from wire.topics import ALARMS

GROUP = "tocsin-sink"

log = logging.getLogger(__name__)


def sink(loaded: Loaded, address: Address, stack: ExitStack, *, instance: str = "") -> tuple[Work, Probe]:
    """Give the work of storing what the group hands out. Raises RoleError, BusError."""
    influx, site, here = influx_of(loaded), loaded.config.site, instance or socket.gethostname()
    if missing := sorted(set(TOPICS) - set(Topics(address).partitions())):
        msg = f"there is no topic {' and '.join(missing)}: run tocsin stream --create-topics"
        raise RoleError(msg)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what stands in its way is told by who asks
    client = stack.enter_context(InfluxClient(influx))
    unmet = _greet(client, site, here)
    publisher = stack.enter_context(KafkaPublisher(address, client_id=f"{GROUP}-{instance}"))
    lag, lost = GroupLag(address), Counter[str]()

    def lose(topic: str, count: int) -> None:
        lost[topic] += count if topic not in COMPACTED else 0

    work = Sink(
        client,
        feeds=lambda: KafkaFeed(
            address, group=GROUP, topics=TOPICS, client_id=f"{GROUP}-{here}", instance=instance, lost=lose
        ),
        publisher=publisher,
        site=site,
    )
    work.health.begin(unmet)
    reporter = Reporter(
        client,
        alarms=lambda: KafkaFeed(address, group=f"{GROUP}-alarms-{uuid.uuid4().hex}", topics=[ALARMS]),
        lag=lambda: float(sum(place.behind for place in lag.places(GROUP, TOPICS).values())),
        health=work.health,
        channels=partial(channel_lines, loaded.config, work.seen),
        others=GroupFigures(lag, ("stream", "archive")),
        site=site,
        instance=here,
    )
    return _both(work, reporter), _probe(work, publisher, lost)


def influx_of(loaded: Loaded) -> InfluxAddress:
    """The InfluxDB of a fleet's config. Raises RoleError for a box's store, and for an address that cannot be."""
    if not is_influx(loaded.config.store):
        msg = (
            f'store = "{loaded.config.store}" is a box\'s: a fleet needs store = "influxdb://HOST:8086/BUCKET?org=ORG"'
        )
        raise RoleError(msg)
    try:
        return parse(loaded.config.store, os.environ)
    except InfluxError as error:
        raise RoleError(str(error)) from error


def _greet(client: InfluxClient, site: str, instance: str) -> str:
    """Find out whether the token and the bucket are right; why InfluxDB is away, if so: it may come later."""
    hello = Lines(site).pipeline(role=ROLE, instance=instance, figures={"running": 1.0}, at_ns=time.time_ns())
    try:
        client.version()  # has less patience than a write
        client.write(hello)
    except InfluxAwayError as error:
        log.warning("%s", error)
        return str(error)
    except InfluxError as error:
        raise RoleError(str(error)) from error
    return ""


def _both(work: Sink, reporter: Reporter) -> Work:
    def run(stop: threading.Event) -> None:
        beside = threading.Thread(target=reporter.run, args=(stop,), name="sink-reporter")
        beside.start()
        try:
            work.run(stop)
        finally:
            stop.set()
            beside.join()

    return run


def _probe(work: Sink, publisher: KafkaPublisher, lost: Counter[str]) -> Probe:
    health = work.health

    def probe() -> Vital:
        figures = {
            "lines": float(health.lines),
            "requests": float(health.requests),
            "tries_in_vain": float(health.tries),
            "unread_records": float(health.unread),
            "dead_letters": float(health.dead),
            "refused_letters": float(health.lost_letters),
            "expired_lines": float(health.expired),
            "holes": float(health.holes),
            "missing_records": float(lost.total()),
            "active_alarms": float(health.active_alarms),
            "lag_records": health.lag,
        }
        return Vital(figures, trouble=health.trouble or health.uncommitted or publisher.trouble, dead=health.failure)

    return probe
