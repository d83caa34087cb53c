"""The table of faults."""

from collections.abc import Mapping

from simulators.fault import Fault
from simulators.lies import ClockDrift, Dropout, LineNoise, Spike, Stuck
from simulators.wear import BearingWear, Imbalance, Leak, Overheating

FAULTS: Mapping[str, type[Fault]] = {
    "bearing-wear": BearingWear,
    "imbalance": Imbalance,
    "overheating": Overheating,
    "leak": Leak,
    "spike": Spike,
    "stuck": Stuck,
    "dropout": Dropout,
    "clock-drift": ClockDrift,
    "line-noise": LineNoise,
}
