"""A worker whose champion is the number in a file, to be killed; its words: HOST:PORT GROUP FILE."""

import logging
import sys
import threading
from pathlib import Path

from bus.address import Address
from bus.publisher import KafkaPublisher
from models.contract import Detector
from stream.core import Core
from stream.fleet.settings import WorkerSettings
from stream.fleet.worker import Worker
from stream.models.herald import Wanted
from tests.stream.plant import RINGS, Distance
from wire.config import Config, DeviceRule

SELDOM_S = 3600.0  # no checkpoint but those that must be


class Shelf:
    """Every version; 0 is the champion of now, as the file says."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def champion(self) -> int:
        return int(self._file.read_text())

    def find(self, name: str, version: int) -> Detector | None:
        return Distance(name, version or self.champion()) if name == "wear" else Distance()

    def why(self, name: str, version: int = 0) -> str:
        return f"there is no {name} {version}"


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    servers, group, file = sys.argv[1:]
    shelf = Shelf(Path(file))
    core = Core(Config(devices=(DeviceRule(match="mill", model="wear", every_ns=10**9),)), shelf, decision=RINGS)
    settings = WorkerSettings(servers=servers, group=group, take=7, checkpoint_s=SELDOM_S, held=100_000)
    with KafkaPublisher(Address(servers=servers), client_id=group) as bus:
        worker = Worker(settings, core=core, bus=bus, wanted=lambda: (Wanted("wear", "champion", shelf.champion()),))
        worker.run(threading.Event())


if __name__ == "__main__":
    main()
