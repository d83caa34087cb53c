"""A worker as a process of its own, to be killed: `python -m tests.stream.fleet.script HOST:PORT GROUP`."""

import logging
import sys
import threading

from bus.address import Address
from bus.publisher import KafkaPublisher
from stream.core import Core
from stream.fleet.settings import WorkerSettings
from stream.fleet.worker import Worker
from tests.stream.plant import DAY_RULES, T0, core


def day_core() -> Core:
    return core(*DAY_RULES)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    servers, group = sys.argv[1:]
    settings = WorkerSettings(servers=servers, group=group, take=7, checkpoint_s=0.2)
    with KafkaPublisher(Address(servers=servers), client_id=group) as bus:
        Worker(settings, core=day_core(), bus=bus, clock_ns=lambda: T0).run(threading.Event())


if __name__ == "__main__":
    main()
