"""`tocsin edge`: sources into an outbox on disk, and from there to Kafka."""

from contextlib import ExitStack

from bus.address import Address
from bus.publisher import KafkaPublisher
from edge.agent import Agent
from edge.forwarder import Forwarder
from edge.log import LocalLog
from edge.logfile import LogError
from tocsin.fleet import RoleError, Work
from tocsin.places import at_home, log_path
from tocsin.vitals import Probe, Vital
from wire.settings import Loaded


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
    forwarder = Forwarder(outbox, publisher, key=config.edge.name, live_first_after_ns=config.edge.live_first_after_ns)

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
        }
        if status.hours_left is not None:
            figures["outbox_hours_left"] = status.hours_left
        return Vital(figures, trouble=status.trouble or health.trouble or publisher.trouble, dead=agent.failure)

    return forwarder.run, probe
