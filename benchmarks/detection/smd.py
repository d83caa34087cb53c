"""SMD: is this server behaving abnormally? Two servers of an internet company, a row a minute, and they drift."""

from itertools import product

import numpy as np

from benchmarks.detection.result import Result, folder
from benchmarks.detection.servers import MINUTE_NS, Protocol, Server, events, table, unpacked
from benchmarks.detection.servers import results as measured
from models.recipe import load

MACHINES = ("1-6", "2-1")
TARGETS = {"AP": 0.65, "F1": 0.50}
REFERENCE = {"AP": 0.534, "F1": 0.254, "best F1, an upper bound": 0.564}
CHOICES = tuple(
    {"calibration.false_alarm_rate": rate, "estimator.leash": leash, "estimator.fade": fade}
    for rate, leash, fade in product((0.005, 0.01, 0.02), (2.0, 3.0, 4.0), (50, 100))
)


def results() -> list[Result]:
    """The shipped recipe as it is, in disguise, and with settings chosen on the other machine."""
    protocol = Protocol(set="smd", recipe=load("smd"), targets=TARGETS, reference=REFERENCE, choices=CHOICES)
    return measured([_server(machine) for machine in MACHINES], protocol)


def _server(machine: str) -> Server:
    name, at = f"machine-{machine}", folder("smd")
    truth = np.loadtxt(at / "test_label" / f"{name}.txt.xz", dtype=int) > 0
    return Server(
        name=name,
        fitted=table(name, unpacked(at / f"{name}_train.npy.xz"), MINUTE_NS),
        judged=table(name, unpacked(at / f"{name}_test.npy.xz"), MINUTE_NS),
        truth=truth,
        events=events(at / "interpretation_label" / f"{name}.txt", truth, last_included=False),
    )
