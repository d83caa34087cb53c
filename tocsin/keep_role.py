"""`tocsin keep`: the models of a fleet watched, trained anew and judged."""

import logging
import threading
import uuid
from contextlib import ExitStack

from bus.address import Address
from bus.feed import KafkaFeed
from bus.history import history
from bus.publisher import KafkaPublisher
from bus.topics import Topics
from store.influx.client import InfluxClient
from store.influx.reading.reader import FleetReader
from tocsin.alarm_watch import AlarmWatch
from tocsin.fleet import RoleError, Work
from tocsin.inbox import CONFIRM_S, BusInbox
from tocsin.keeping.composing import keeper
from tocsin.sink_role import influx_of
from tocsin.vitals import Probe, Vital
from wire.envelope import pack
from wire.messages import ModelChange
from wire.ports import BusError, Publisher, Wish
from wire.settings import Loaded
from wire.topics import ALARMS, INPUTS

NAME = "tocsin-keep"
JOIN_S = 15.0

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


def keep(loaded: Loaded, address: Address, stack: ExitStack) -> tuple[Work, Probe]:
    """Keep models until told to end. Raises RoleError, BusError."""
    if not loaded.config.models:
        msg = "there is nothing to keep: the config has no [[models]]"
        raise RoleError(msg)
    partitions = Topics(address).partitions().get(INPUTS, 0)
    if not partitions:
        msg = f"there is no topic {INPUTS}: run tocsin stream --create-topics"
        raise RoleError(msg)
    watch = AlarmWatch(
        history=lambda: history(address, ALARMS),
        feeds=lambda: KafkaFeed(address, group=f"{NAME}-{uuid.uuid4().hex}", topics=[ALARMS], client_id=NAME),
    )
    watch.load()
    client = stack.enter_context(InfluxClient(influx_of(loaded)))
    reader = stack.enter_context(FleetReader(client, book=lambda: watch.book, site=loaded.config.site))
    publisher = stack.enter_context(KafkaPublisher(address, client_id=NAME, give_up_s=CONFIRM_S))
    stop = threading.Event()
    beside = threading.Thread(target=watch.run, args=(stop,), name="keep-alarms", daemon=True)
    beside.start()
    stack.callback(beside.join, JOIN_S)
    stack.callback(stop.set)
    work = keeper(loaded, reader, WholeInbox(publisher, partitions))
    return work.run, lambda: Vital(dead=watch.failure)
