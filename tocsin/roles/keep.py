"""`tocsin keep`: the models of a fleet watched, trained anew and judged, by one process whatever number is started."""

import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Protocol

from bus.address import Address
from bus.feed import KafkaFeed
from bus.history import history
from bus.publisher import KafkaPublisher
from bus.topics import Topics
from bus.turn import Turn
from store.influx.client import InfluxClient
from store.influx.reading.reader import FleetReader
from tocsin.keeping.composing import keeper
from tocsin.roles.alarm_watch import AlarmWatch
from tocsin.roles.fleet import RoleError, Work
from tocsin.roles.inbox import CONFIRM_S, BusInbox
from tocsin.roles.sink import influx_of
from tocsin.roles.vitals import Probe, Vital
from wire.envelope import pack
from wire.messages import ModelChange
from wire.ports import BusError, Publisher, Wish
from wire.settings import Loaded
from wire.topics import ALARMS, INPUTS

NAME = "tocsin-keep"
JOIN_S = 15.0
LISTEN_S = 0.5

log = logging.getLogger(__name__)


class WholeInbox:
    """Puts what is of an edge where that edge is, and a model change into every partition."""

    def __init__(self, publisher: Publisher, partitions: int) -> None:
        self._publisher = publisher
        self._partitions = partitions
        self._edges = BusInbox(publisher)

    def append(self, message: Wish) -> int:
        """Return when all replicas have it. Raises BusError."""
        if not isinstance(message, ModelChange):
            return self._edges.append(message)
        failures: list[str] = []
        for partition in range(self._partitions):
            self._publisher.publish(INPUTS, b"", pack(message), failures.append, partition=partition)
        done = self._publisher.flush(2 * CONFIRM_S)
        if not done or any(failures):
            msg = f"Kafka did not take a change of model {message.name} ({''.join(failures)[:200] or 'no answer'})"
            raise BusError(msg)
        return self._partitions


class Turns(Protocol):
    """Says which of all keepers of a fleet may work."""

    def mine(self, wait_s: float) -> bool:
        """Whether it is this one, after listening for so long. Raises BusError."""


class Term:
    """Has a keeper work while it is its turn, and stand by while another one of the fleet keeps the models.

    Each term begins with what the keeper's folder holds by then: `begins` gives what works until it is told to stop.
    """

    def __init__(self, turns: Turns, begins: Callable[[], Work]) -> None:
        self._turns = turns
        self._begins = begins
        self._over = threading.Event()
        self._work: Future[None] | None = None

    def run(self, stop: threading.Event) -> None:
        """Until told to stop, or until the keeper cannot go on, whose error is raised."""
        with ThreadPoolExecutor(1, thread_name_prefix="keep-models") as pool:
            said = False
            try:
                while not stop.is_set():
                    mine = self._turns.mine(LISTEN_S)
                    if not (mine or said or self._work):
                        log.info("another keeper of the fleet is at work, or is looked for: this one stands by")
                        said = True
                    if mine:
                        said = False
                        self._begin(pool)
                    else:
                        self._end()
            finally:
                self._end()

    def _begin(self, pool: ThreadPoolExecutor) -> None:
        if self._work is None:
            log.info("this keeper keeps the models")
            self._over = threading.Event()
            self._work = pool.submit(self._begins(), self._over)
        elif self._work.done():
            self._work.result()

    def _end(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            self._over.set()
            work.result()


def keep(loaded: Loaded, address: Address, stack: ExitStack) -> tuple[Work, Probe]:
    """Keep models until told to end. Raises RoleError, BusError."""
    if not loaded.config.models:
        log.warning("there is nothing to keep until the config has [[models]] and this role is started again")
        return _idle, Vital
    partitions = Topics(address).partitions()
    if missing := sorted({INPUTS, ALARMS} - set(partitions)):
        msg = f"there is no topic {' and '.join(missing)}: run tocsin stream --create-topics"
        raise RoleError(msg)
    watch = AlarmWatch(
        history=lambda: history(address, ALARMS),
        feeds=lambda: KafkaFeed(address, group=f"{NAME}-{uuid.uuid4().hex}", topics=[ALARMS], client_id=NAME),
    )
    watch.load()
    client = stack.enter_context(InfluxClient(influx_of(loaded)))
    reader = stack.enter_context(FleetReader(client, book=lambda: watch.book, site=loaded.config.site))
    publisher = stack.enter_context(KafkaPublisher(address, client_id=NAME, give_up_s=CONFIRM_S))
    inbox = WholeInbox(publisher, partitions[INPUTS])
    stop = threading.Event()
    beside = threading.Thread(target=watch.run, args=(stop,), name="keep-alarms", daemon=True)
    beside.start()
    stack.callback(beside.join, JOIN_S)
    stack.callback(stop.set)
    turn = stack.enter_context(Turn(address, group=NAME, topic=ALARMS))
    return Term(turn, lambda: keeper(loaded, reader, inbox).run).run, lambda: Vital(dead=watch.failure)


def _idle(stop: threading.Event) -> None:
    stop.wait()
