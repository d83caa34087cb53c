"""What is around a machine: the air of the hall, and when people let the machine run."""

from enum import StrEnum

import numpy as np

from simulators.chance import Chance
from simulators.rows import F64, I64, Bools

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
YEAR_NS = 31_556_952 * SECOND_NS


class Schedule(StrEnum):
    """When a machine runs."""

    ALWAYS = "always"  # day and night without a stop
    RESTS = "rests"  # always, but for a stop of 10 to 40 minutes about every other day, then a cold start
    SHIFTS = "shifts"  # Monday to Friday, 6 to 22 o'clock UTC
    DUTY = "duty"  # on for 40 to 80 % of every three quarters of an hour, as a tank asks


def air_c(chance: Chance, t_ns: I64) -> F64:
    """Temperature of the hall in °C: seasons, day and night, weather."""
    year = np.sin(2 * np.pi * ((t_ns % YEAR_NS) / YEAR_NS - 0.3))
    day = np.sin(2 * np.pi * ((t_ns % DAY_NS) / DAY_NS - 0.375))
    mean = chance.trait("hall", 19.0, 23.0)
    air: F64 = mean + 3.0 * year + 2.5 * day + 1.5 * chance.wander("weather", t_ns, DAY_NS)
    return air


def is_on(schedule: Schedule, chance: Chance, t_ns: I64) -> Bools:
    """Whether the machine is switched on."""
    return _PLANS[schedule](chance, t_ns)


def _always(_: Chance, t_ns: I64) -> Bools:
    return np.ones(len(t_ns), dtype=np.bool_)


def _rests(chance: Chance, t_ns: I64) -> Bools:
    slot_ns = 36 * HOUR_NS
    rests = chance.bumps("rest", t_ns, slot_ns=slot_ns, share=0.7, last_ns=(10 * MINUTE_NS, 40 * MINUTE_NS))
    on: Bools = rests == 0.0
    return on


def _shifts(chance: Chance, t_ns: I64) -> Bools:
    late_ns = int(chance.trait("late", 0.0, 15.0) * MINUTE_NS)
    moved = t_ns - late_ns
    weekday = (moved // DAY_NS + 3) % 7  # 1970-01-01 was a Thursday
    hour = moved % DAY_NS // HOUR_NS
    on: Bools = (weekday < 5) & (hour >= 6) & (hour < 22)  # noqa: PLR2004 - days and hours of the plan above
    return on


def _duty(chance: Chance, t_ns: I64) -> Bools:
    slot = t_ns // (45 * MINUTE_NS)
    share = 0.4 + 0.4 * chance.level("duty", slot)
    on: Bools = (t_ns - slot * 45 * MINUTE_NS) < share * 45 * MINUTE_NS
    return on


_PLANS = {Schedule.ALWAYS: _always, Schedule.RESTS: _rests, Schedule.SHIFTS: _shifts, Schedule.DUTY: _duty}
