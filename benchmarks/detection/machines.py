"""`python -m benchmarks.detection.machines`: false alarms on healthy machines, faults found and how soon.

Development used fleets 1 to 9, 901 and 903; what is reported here comes from fleets 902 and 904, which nothing was
tuned on.
"""

import resource
import time
from collections.abc import Mapping

import numpy as np

from benchmarks.detection.watch import SECOND_NS, START_NS, watch
from benchmarks.report import Figure, figure, table
from simulators.course import Course, Shape
from simulators.fault import Fault
from simulators.faults import FAULTS
from simulators.fleet import fleet

HEALTHY_FLEET, FAULTY_FLEET = 904, 902
MACHINES, DAYS = 20, 10
DAY_NS, HOUR_NS = 86_400 * SECOND_NS, 3600 * SECOND_NS
MONTH_DAYS = 30.0
LEARNT_HOURS, WATCHED_HOURS, FAULTY = 24, 6, 6
SEEN_BY_MODEL = ("bearing-wear", "imbalance", "overheating", "leak", "spike", "stuck")  # the others are not its job
PEAKS = (0.5, 0.75, 1.0)
COURSES: Mapping[str, int] = {"step": 0, "2h": 2 * HOUR_NS}


def measure() -> list[Figure]:
    """Both campaigns."""
    return [*healthy(), *faulty()]


def healthy(*, count: int = MACHINES, days: int = DAYS) -> list[Figure]:
    """False alarms a machine-month with default settings, with and without `running_when`."""
    figures = []
    for told, name in ((True, "detection.false_alarms"), (False, "detection.false_alarms_untold")):
        begun = time.perf_counter()
        machines = fleet(count, seed=HEALTHY_FLEET)
        rang = 0
        for channels in sorted({len(m.channels) for m in machines}):
            alike = [m for m in machines if len(m.channels) == channels]
            rang += sum(len(one.rang_ns) for one in watch(alike, end_ns=START_NS + days * DAY_NS, told=told))
        months = count * days / MONTH_DAYS
        figures.append(figure(name, rang / months, f"alarms a machine-month ({rang} in {count} x {days} days)", 1.0))
        figures.append(figure(f"{name}.seconds", time.perf_counter() - begun, "s"))
    figures.append(figure("detection.rss_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB"))
    return figures


def faulty(*, count: int = FAULTY) -> list[Figure]:
    """Share found and delay behind the stated severity, by fault, course and peak."""
    figures = []
    for name in SEEN_BY_MODEL:
        for course, ramp_ns in COURSES.items():
            for peak in PEAKS:
                if peak >= FAULTS[name].stated:
                    figures += _found(name, course, ramp_ns, peak, count)
    return figures


def _found(name: str, course: str, ramp_ns: int, peak: float, count: int) -> list[Figure]:
    onset_ns = START_NS + LEARNT_HOURS * HOUR_NS
    shape = Shape.LINEAR if ramp_ns else Shape.STEP
    faults: list[Fault] = []
    for i, machine in enumerate(fleet(count, seed=FAULTY_FLEET)):
        if set(FAULTS[name].needs) <= set(machine.names):
            plan = Course(onset_ns=onset_ns, ramp_ns=ramp_ns, shape=shape, peak=peak)
            faults.append(FAULTS[name](machine, plan, seed=i))
    delays, led = [], []
    for channels in sorted({len(f.channels) for f in faults}):
        alike = [f for f in faults if len(f.channels) == channels]
        end_ns = onset_ns + ramp_ns + WATCHED_HOURS * HOUR_NS
        for fault, one in zip(alike, watch(alike, end_ns=end_ns, since_ns=onset_ns), strict=True):
            if one.ringing_ns is not None and fault.stated_ns is not None:
                delays.append((one.ringing_ns - fault.stated_ns) / SECOND_NS)
                led += one.led_by[-1:]
    full = f"detection.{name}.{course}.{peak:g}"
    figures = [figure(f"{full}.found", len(delays) / len(faults), f"of {len(faults)}; last led by {_most(led)}", 1.0)]
    if delays:
        figures.append(figure(f"{full}.delay_median", float(np.median(delays)), "s after stated (below 0: before)"))
        figures.append(figure(f"{full}.delay_max", max(delays), "s"))
    return figures


def _most(names: list[str]) -> str:
    return max(sorted(set(names)), key=names.count) if names else "nothing"


if __name__ == "__main__":
    print(table(measure()))
