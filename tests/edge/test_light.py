import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = (
    "numpy",
    "duckdb",
    "pyarrow",
    "sklearn",
    "faust",
    "fastapi",
    "nicegui",
    "stream",
    "models",
    "store",
    "dashboards",
)

RUN = """
import sys, threading
from pathlib import Path
from edge.agent import Agent
from edge.log import LocalLog
from edge.sources.table import MODULES
from importlib import import_module
from wire.config import Config, EdgeSettings, SerialSource
from wire.ports import Arrival, Row
for module in MODULES.values():
    import_module(module)

class Source:
    name = "serial-1"
    acknowledged = False
    def run(self, intake, stop, connected):
        connected("open")
        channels = tuple("abcdefgh")
        for i in range(500):
            intake.put(Arrival(self.name, [Row(f"d{i % 64}", channels, (1.0,) * 8) for _ in range(100)]))

config = Config(edge=EdgeSettings(sources=(SerialSource(port="x", device="d"),)))
with LocalLog(Path(sys.argv[1]), edge="e") as log, Agent(config, log=log, build=lambda *_: Source()) as agent:
    assert agent.wait(60)
with open("/proc/self/status") as status:
    peak = next(line for line in status if line.startswith("VmHWM"))
print(peak.split()[1], *sorted(sys.modules))
"""


def test_an_edge_alone_stays_light_in_modules_and_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path / "log.sqlite")]
    peak, *modules = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert not [name for name in modules if name.split(".")[0] in HEAVY]
    assert int(peak) < 60 * 1024
