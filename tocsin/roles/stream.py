"""`tocsin stream`: the core behind Faust, and a watchdog beside it."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from bus.address import Address
from bus.lag import GroupLag
from bus.publisher import KafkaPublisher
from bus.topics import Topics, layouts
from stream.core import Core
from stream.fleet.settings import WorkerSettings
from stream.fleet.watchdog import Places, Watchdog
from stream.fleet.worker import STUCK, Worker, end_process
from tocsin.modelling.shelf import shelf
from tocsin.modelling.swapping import Swapping, swapping
from tocsin.roles.catching_up import CatchingUp
from tocsin.roles.fleet import RoleError, Work
from tocsin.roles.vitals import Probe, Vital
from wire.settings import Loaded
from wire.topics import INPUTS, STATE

LOOK_S, SOON_S = 5.0, 1.0
GROUP = "tocsin-stream"

log = logging.getLogger(__name__)


def stream(loaded: Loaded, address: Address, stack: ExitStack, *, instance: str = "") -> tuple[Work, Probe]:
    """Give the work of scoring the partitions that the group hands out. Raises RoleError, BusError."""
    _fit(Topics(address))
    for chatty in ("faust", "mode", "aiokafka"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    detectors = shelf(loaded)
    models = swapping(loaded, detectors)
    core = Core(loaded.config, detectors)
    bus = stack.enter_context(KafkaPublisher(address, client_id=f"{GROUP}-{instance}"))
    worker = Worker(settings_of(address, instance=instance), core=core, bus=bus, wanted=lambda: models.wanted)
    lag = GroupLag(address)

    waits = CatchingUp()

    def places() -> Places:
        found = lag.places(GROUP, [INPUTS])
        if mine := worker.health.assigned:
            waits.look({place: at for place, at in found.items() if place[1] in mine})
        return {part: (at.done, at.end) for (_, part), at in found.items()}

    dog = Watchdog(places=places, mine=lambda: worker.health.assigned)
    _watch(dog, stack, soon=lambda: bool(waits.trouble))
    _look(models, stack)

    def probe() -> Vital:
        health = worker.health
        figures = {
            "partitions": float(len(health.assigned)),
            "inputs": float(health.inputs),
            "outcomes": float(health.outcomes),
            "duplicates": float(health.duplicates),
            "dead_letters": float(health.dead),
            "checkpoints": float(health.checkpoints),
            "state_written_bytes": float(health.state_bytes),
            "lag_records": float(dog.lag),
            "models_in_trouble": float(len(models.troubles)),
        }
        late = waits.trouble if health.assigned else "no partition is assigned yet"
        return Vital(figures, trouble=dog.trouble or late)

    return worker.run, probe


def settings_of(address: Address, *, instance: str = "") -> WorkerSettings:
    """A worker's settings at a bus."""
    return WorkerSettings(
        servers=address.servers,
        group=GROUP,
        instance=instance,
        tls=address.tls,
        sasl=address.sasl,
        username=address.username,
        password=address.password,
        ca_file=address.ca_file,
        cert_file=address.cert_file,
        key_file=address.key_file,
    )


def _fit(topics: Topics) -> None:
    there = topics.partitions()
    if missing := sorted({INPUTS, STATE} - set(there)):
        msg = f"there is no topic {' and '.join(missing)}: run tocsin stream --create-topics"
        raise RoleError(msg)
    if there[INPUTS] != there[STATE]:
        msg = (
            f"{INPUTS} has {there[INPUTS]} partitions and {STATE} has {there[STATE]}: they need the same number, "
            f"or state is written where nobody finds it. Delete {STATE}, its devices then start cold, and run tocsin "
            f"stream --create-topics --partitions {there[INPUTS]}"
        )
        raise RoleError(msg)
    if wrong := list(topics.wrong(layouts(there[INPUTS]))):
        raise RoleError("; ".join(wrong))


def _look(models: Swapping, stack: ExitStack) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=models.run, args=(stop,), name="swapping", daemon=True)
    thread.start()
    stack.callback(thread.join, LOOK_S)
    stack.callback(stop.set)


def _watch(dog: Watchdog, stack: ExitStack, *, soon: Callable[[], bool]) -> None:
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(SOON_S if soon() else LOOK_S):
            if why := dog.look(time.monotonic()):
                end_process(why, STUCK)

    thread = threading.Thread(target=look, name="watchdog", daemon=True)
    thread.start()
    stack.callback(thread.join, LOOK_S)
    stack.callback(stop.set)
