"""`tocsin edge`: sources into an outbox on disk, from there to Kafka, and advice back to the benches."""

import logging
import os
import threading
from contextlib import ExitStack
from importlib.util import find_spec

from bus.address import Address
from bus.publisher import KafkaPublisher
from bus.tail import Tail
from edge.agent import Agent
from edge.forwarder import Forwarder
from edge.log import LocalLog
from edge.logfile import LogError
from edge.room import Status
from tocsin.examining.check import TOKEN
from tocsin.places import at_home, log_path
from tocsin.roles.advice_watch import AdviceWatch
from tocsin.roles.fleet import RoleError, Work
from tocsin.roles.vitals import Probe, Vital
from wire.settings import Loaded
from wire.topics import ADVICE

JOIN_S = 15.0

log = logging.getLogger(__name__)


def edge(loaded: Loaded, address: Address, stack: ExitStack) -> tuple[Work, Probe]:
    """Open the outbox, start the sources, and give the work of passing on what they read. Raises RoleError."""
    config = at_home(loaded)
    outbox = LocalLog.of(log_path(loaded), config.edge)
    publisher = KafkaPublisher(address, client_id=f"tocsin-edge-{config.edge.name}")
    try:
        stack.enter_context(outbox)
        stack.enter_context(publisher)
        agent = stack.enter_context(Agent(config, log=outbox))
    except (LogError, ValueError, OSError) as error:
        raise RoleError(str(error)) from error
    watch = _advised(agent, address, stack, edge=config.edge.name)
    if config.edge.listen:
        _open_door(agent, config.edge.listen, stack)
    forwarder = Forwarder(outbox, publisher, key=config.edge.name, live_first_after_ns=config.edge.live_first_after_ns)

    begun = outbox.status().last_pos

    def probe() -> Vital:
        status, health = outbox.status(), forwarder.health
        figures = {
            "backlog_records": float(status.backlog),
            "outbox_bytes": float(status.lane.bytes),
            "outbox_oldest_age_seconds": status.oldest_age_s,
            "rows": float(status.lane.rows),
            "rows_waiting": float(status.lane.waiting),
            "rows_given_up": float(status.lane.given_up),
            "records_sent": float(health.sent),
            "records_sent_again": float(health.again),
            "advice_passed_back": float(watch.told),
        }
        if status.hours_left is not None:
            figures["outbox_hours_left"] = status.hours_left
        trouble = status.trouble or health.trouble or publisher.trouble or _waiting(status, begun)
        return Vital(figures, trouble=trouble, dead=agent.failure)

    return forwarder.run, probe


def _waiting(status: Status, begun: int) -> str:
    """Why what comes now waits behind what was there at the start, up to this position; empty where it does not."""
    first = status.last_pos - status.backlog + 1
    if not status.backlog or first > begun or status.lane.late:  # late is what lets live data by
        return ""
    return f"what waited is passed on first (records: {begun - first + 1}), what comes now after it"


def _advised(agent: Agent, address: Address, stack: ExitStack, *, edge: str) -> AdviceWatch:
    """Pass advice back to the benches, beside all else; without it they go on, so no trouble of it ends the edge."""

    def hear() -> Tail:
        return Tail(address, topic=ADVICE, key=edge.encode(), client_id=f"tocsin-edge-{edge}-advice")

    watch, stop = AdviceWatch(hear, agent.returns, edge=edge), threading.Event()
    thread = threading.Thread(target=watch.run, args=(stop,), name="edge-advice", daemon=True)
    thread.start()
    stack.callback(thread.join, JOIN_S)
    stack.callback(stop.set)
    return watch


def _open_door(agent: Agent, listen: str, stack: ExitStack) -> None:
    """Take runs over HTTP as well. Raises RoleError."""
    if missing := [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]:
        msg = f"edge.listen needs the package {missing[0]}: pip install 'tocsin[console]'"
        raise RoleError(msg)
    from dashboards.console.bench_door import BenchDoor  # noqa: PLC0415 -- only who needs it loads it
    from dashboards.console.served import ConsoleError  # noqa: PLC0415

    try:
        door = BenchDoor(agent.outbox, agent.returns, listen=listen, token=os.environ.get(TOKEN) or None)
        log.info("benches are heard on %s", stack.enter_context(door).url)
    except ConsoleError as error:
        raise RoleError(str(error)) from error
