"""A worker as a process of its own, to be killed; its words: HOST:PORT GROUP, and "benches" for a core of those."""

import logging
import sys
import threading

from bus.address import Address
from bus.publisher import KafkaPublisher
from stream.core import Core
from stream.fleet.settings import WorkerSettings
from stream.fleet.worker import Worker
from tests.stream.benches.shift import benches
from tests.stream.plant import DAY_RULES, T0, core


def day_core() -> Core:
    return core(*DAY_RULES)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    servers, group, *benches_ = sys.argv[1:]
    settings = WorkerSettings(servers=servers, group=group, take=7, checkpoint_s=0.2)
    with KafkaPublisher(Address(servers=servers), client_id=group) as bus:
        core = benches() if benches_ else day_core()
        Worker(settings, core=core, bus=bus, clock_ns=lambda: T0).run(threading.Event())


if __name__ == "__main__":
    main()
