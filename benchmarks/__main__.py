"""`python -m benchmarks [NAME ...]`: run campaigns, print one table, write build/bench.json."""

import argparse
import importlib
from collections.abc import Mapping
from pathlib import Path

from benchmarks.report import Figure, save, table

CAMPAIGNS: Mapping[str, str] = {
    "outbox": "benchmarks.outbox",
    "throughput": "benchmarks.throughput",
    "startup": "benchmarks.startup",
    "demo": "benchmarks.demo",
    "kill": "benchmarks.kill",
    "breaking": "benchmarks.breaking",
    "fleet": "benchmarks.fleet",
    "edge": "benchmarks.edge",
    "worker": "benchmarks.worker",
    "alarm": "benchmarks.alarm",
    "advice": "benchmarks.advice",
    "sink": "benchmarks.sink",
    "poison": "benchmarks.poison.campaign",
    "sizing": "benchmarks.sizing",
    "soak": "benchmarks.soak.campaign",
    "skab": "benchmarks.skab_line",
    "machines": "benchmarks.detection.machines",
    "speed": "benchmarks.detection.speed",
    "bench": "benchmarks.bench",
    "spared": "benchmarks.spared",
    "stopped": "benchmarks.stopped",
    "anew": "benchmarks.anew",
    "swap": "benchmarks.swap",
    "story": "benchmarks.story.campaign",
}
LONG = frozenset({"soak"})  # run when named alone


def main() -> None:
    """Run the named campaigns, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*CAMPAIGNS, []], help="default: all")
    figures: list[Figure] = []
    for name in parser.parse_args().names or [name for name in CAMPAIGNS if name not in LONG]:
        print(f"... {name}", flush=True)
        figures += importlib.import_module(CAMPAIGNS[name]).measure()
        save(figures, Path("build/bench.json"))
    print(table(figures))


if __name__ == "__main__":
    main()
