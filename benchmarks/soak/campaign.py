"""`make soak`: 200,000 numbered readings of 50 devices while everything is killed, stopped and cut off in turn."""

import threading
import time
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.report import Figure, figure
from benchmarks.soak.account import Account, account, drained
from benchmarks.soak.attacks import attacks
from benchmarks.soak.plant import plant
from benchmarks.soak.readings import Readings, Sender

EDGES = (
    "edge-19",
    "edge-2",
    "edge-9",
    "edge-4",
    "edge-1",
)  # by murmur2 one in each of five partitions: no worker idles
SETTLE_S = 1.0


class Scale(msgspec.Struct, frozen=True):
    """How much and how long."""

    devices: int = 50
    rows: int = 4000
    per_s: float = 400.0
    rounds: int = 10
    away_s: float = 60.0


class Result(msgspec.Struct, frozen=True):
    """What a soak found; `exits` are those that nobody ordered, by role and code."""

    account: Account
    recoveries_s: list[float]
    exits: dict[str, int]


def measure() -> list[Figure]:
    """The whole campaign."""
    with TemporaryDirectory(prefix="tocsin-soak-") as folder:
        result = soak(Path(folder), Scale())
    found = result.account
    print(msgspec.json.encode(found).decode(), result.exits, flush=True)
    cuts = quantiles(result.recoveries_s, n=100)
    return [
        figure("soak.readings", found.readings, "readings"),
        figure("soak.lost_in_influx", found.lost_in_influx, "readings"),
        figure("soak.doubled_in_influx", found.doubled_in_influx, "readings"),
        figure("soak.lost_in_archive", found.lost_in_archive, "readings"),
        figure("soak.doubled_in_archive", found.doubled_in_archive, "readings"),
        figure("soak.alarms", found.alarms, "alarms"),
        figure("soak.alarms_wrong", found.alarms_missing + found.alarms_too_many, "alarms"),
        figure("soak.alarms_not_in_influx", found.alarms_not_in_influx, "alarms"),
        figure("soak.recovery_p50_s", cuts[49], "s"),
        figure("soak.recovery_p99_s", cuts[98], "s"),
    ]


def soak(folder: Path, scale: Scale) -> Result:
    """Attack a fleet while readings come, and count afterwards."""
    begun_ns = (time.time_ns() - scale.rows * 10**8) // 10**9 * 10**9
    readings = Readings(scale.devices, scale.rows, EDGES, begun_ns)
    with plant(folder, EDGES) as fleet:
        sender = Sender(readings, port=fleet.mqtt_port, per_s=scale.per_s)
        sender.start()
        begun = time.monotonic()
        for name, attack in attacks(rounds=scale.rounds, away_s=scale.away_s, edges=EDGES):
            attack(fleet)
            spoke = "" if not sender.done else " (after the last reading)"
            print(f"{time.monotonic() - begun:6.1f} s  {sender.sent:7d}  {name}{spoke}", flush=True)
            threading.Event().wait(SETTLE_S)
        while not sender.done:
            threading.Event().wait(0.2)
        drained(fleet, readings)
        wanted = readings.alarms(fleet.config)
        fleet.keeper.rest()
        return Result(account(fleet, readings, wanted), fleet.keeper.recoveries_s, dict(fleet.keeper.exits))
