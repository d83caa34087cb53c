"""ASD: is this server behaving abnormally? Six application servers, a row every five minutes."""

from itertools import product

from benchmarks.detection.result import Result, folder
from benchmarks.detection.servers import MINUTE_NS, Protocol, Server, events, table, unpacked
from benchmarks.detection.servers import results as measured
from models.recipe import load

TARGETS = {"AP": 0.30, "F1": 0.30}
REFERENCE = {"AP": 0.210, "F1": 0.189, "best F1, an upper bound": 0.274}
CHOICES = tuple(
    {"calibration.false_alarm_rate": rate, "estimator.fade": fade, "estimator.alone": alone}
    for rate, fade, alone in product((0.01, 0.02, 0.03), (7, 10, 15), (0.3, 0.5, 0.7))
)


def results() -> list[Result]:
    """The shipped recipe as it is, in disguise, and with settings chosen without the server they judge."""
    protocol = Protocol(set="asd", recipe=load("asd"), targets=TARGETS, reference=REFERENCE, choices=CHOICES)
    return measured([_server(at) for at in range(1, 7)], protocol)


def _server(number: int) -> Server:
    name, at = f"omi-{number}", folder("asd")
    truth = unpacked(at / f"{name}_test_label.npy.xz").ravel() > 0
    return Server(
        name=name,
        fitted=table(name, unpacked(at / f"{name}_train.npy.xz"), 5 * MINUTE_NS),
        judged=table(name, unpacked(at / f"{name}_test.npy.xz"), 5 * MINUTE_NS),
        truth=truth,
        events=events(at / "interpretation_label" / f"{name}.txt", truth, last_included=True),
    )
