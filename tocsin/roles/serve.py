"""`tocsin serve`: the page and the API of a fleet."""

import logging
import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from bus.address import Address
from bus.feed import KafkaFeed
from bus.history import history
from bus.lag import GroupLag
from bus.publisher import KafkaPublisher
from bus.topics import Topics
from dashboards.console.kept import Kept
from dashboards.console.server import Console, ConsoleError
from models.registry.errors import RegistryError
from models.registry.folder import Registry
from store.influx.client import InfluxClient
from store.influx.errors import InfluxAwayError, InfluxError
from store.influx.load import TOPICS
from store.influx.reading.reader import FleetReader
from tocsin.examining.check import TOKEN
from tocsin.keeping.diary import read
from tocsin.keeping.telling import kept
from tocsin.places import keeping_folder, models_url
from tocsin.reaching.catalogue import catalogued
from tocsin.roles.alarm_watch import AlarmWatch
from tocsin.roles.fleet import RoleError, Work
from tocsin.roles.fleet_status import FleetStatus, Team
from tocsin.roles.inbox import CONFIRM_S, BusInbox
from tocsin.roles.sink import influx_of
from tocsin.roles.vitals import Probe, Vital
from wire.ports import BusError
from wire.settings import Loaded
from wire.topics import ALARMS, INPUTS

NAME = "tocsin-serve"
JOIN_S = 15.0
KEPT_S = 3.0  # between two looks at what the keeper of models wrote down

log = logging.getLogger(__name__)


def serve(loaded: Loaded, address: Address, stack: ExitStack) -> tuple[Work, Probe]:
    """Serve until the stack is left; the work is to wait for that. Raises RoleError, BusError."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what stands in its way is told by who asks
    client = stack.enter_context(InfluxClient(influx_of(loaded)))
    _greet(client, Topics(address))
    watch = AlarmWatch(
        history=lambda: history(address, ALARMS),
        feeds=lambda: KafkaFeed(address, group=f"{NAME}-{uuid.uuid4().hex}", topics=[ALARMS], client_id=NAME),
    )
    watch.load()
    reader = stack.enter_context(FleetReader(client, book=lambda: watch.book, site=loaded.config.site))
    publisher = stack.enter_context(KafkaPublisher(address, client_id=NAME, give_up_s=CONFIRM_S))
    status = FleetStatus(
        GroupLag(address),
        [Team("stream", [INPUTS], "scores"), Team("sink", TOPICS, "stores")],
        troubles=lambda: (watch.trouble, _away(reader)),
        notes=lambda: _forgotten(watch),
        kept=Kept(lambda: kept(loaded.config, read(keeping_folder(loaded))), every_s=KEPT_S).get,
    )
    _beside(stack, "alarms", watch.run)
    _beside(stack, "status", status.run)
    try:
        console = Console(
            reader,
            BusInbox(publisher),
            listen=loaded.config.console.listen,
            token=os.environ.get(TOKEN) or None,
            site=loaded.config.site,
            status=status.status,
            rule_of=loaded.config.device,
            procedure_of=loaded.config.procedure,
            models=Registry.open(models_url(loaded)),
            catalogue=catalogued(loaded, reader),
        )
        log.info("the page is on %s", stack.enter_context(console).url)
    except (ConsoleError, RegistryError) as error:
        raise RoleError(str(error)) from error
    return _wait, lambda: Vital(dead=watch.failure)


def _wait(stop: threading.Event) -> None:
    stop.wait()


def _greet(client: InfluxClient, topics: Topics) -> None:
    """Find out at the start what is wrong with either; InfluxDB itself may come later. Raises RoleError."""
    wrong = []
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.query, "SELECT running FROM pipeline LIMIT 1")
        try:
            if missing := sorted({INPUTS, ALARMS} - set(topics.partitions())):
                wrong.append(f"there is no topic {' and '.join(missing)}: run tocsin stream --create-topics")
        except BusError as error:
            wrong.append(str(error))
        try:
            asked.result()
        except InfluxAwayError as error:
            log.warning("%s. Alarms are shown all the same", error)
        except InfluxError as error:
            wrong.append(str(error))
    if wrong:
        raise RoleError("; ".join(wrong))


def _away(reader: FleetReader) -> str:
    why = reader.trouble
    return f"{why}. Alarms come from Kafka and are current; all else is as it was last seen." if why else ""


def _forgotten(watch: AlarmWatch) -> tuple[str, ...]:
    count = watch.book.forgotten
    return (f"{count} alarms stand that are not shown: there are too many.",) if count else ()


def _beside(stack: ExitStack, name: str, run: Callable[[threading.Event], None]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,), name=f"serve-{name}", daemon=True)
    thread.start()
    stack.callback(thread.join, JOIN_S)
    stack.callback(stop.set)
