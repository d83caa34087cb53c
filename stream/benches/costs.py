"""What it costs on average to stop a run here, and what to go on."""

import msgspec

from wire.config import Costs

HOUR_S = 3600.0


class Expected(msgspec.Struct, frozen=True):
    """In the currency of the procedure."""

    stop: float
    go_on: float


def expected(p_fail: float, remaining_s: float, costs: Costs) -> Expected:
    """Both ways, for a unit that fails with this probability and has so long to go.

    A bad unit is repaired either way; going on takes the bench's time, and lets some bad units pass.

    >>> expected(0.9, 1800.0, Costs(bench_hour=60.0, scrap_good=100.0, pass_bad=1000.0, escape_share=0.01, repair=50.0))
    Expected(stop=55.0, go_on=84.0)
    """
    go_on = remaining_s / HOUR_S * costs.bench_hour + p_fail * (costs.repair + costs.escape_share * costs.pass_bad)
    stop = (1.0 - p_fail) * costs.scrap_good + p_fail * costs.repair
    return Expected(round(stop, 9), round(go_on, 9))
