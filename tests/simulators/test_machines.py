import hashlib
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.fleet import MACHINES, fleet
from simulators.numbered import Numbered
from simulators.pump import Pump
from simulators.rows import F64, Block, Machine
from simulators.spindle import Spindle
from simulators.surroundings import DAY_NS, SECOND_NS, Schedule

MONDAY_NS = 1_767_571_200 * SECOND_NS  # 2026-01-05
ROOT = Path(__file__).parents[2]
RANGES = {
    "vibration_rms": (0.0, 4.0),
    "temperature": (5.0, 80.0),
    "current": (0.0, 20.0),
    "pressure": (0.3, 6.0),
    "flow": (0.0, 260.0),
    "speed": (0.0, 9300.0),
    "power": (0.0, 12.0),
    "load_x": (0.0, 100.0),
    "load_y": (0.0, 100.0),
}


Individual = Pump | Spindle


def take(machine: Machine, rows: int, *, start_ns: int = MONDAY_NS, every_ns: int = SECOND_NS, block: int = 0) -> Block:
    end_ns = start_ns + rows * every_ns
    blocks = list(machine.blocks(start_ns=start_ns, every_ns=every_ns, block=block or rows, end_ns=end_ns))
    return Block(np.concatenate([b.t_ns for b in blocks]), np.concatenate([b.values for b in blocks]))


def running(machine: Machine, values: F64) -> F64:
    name, level = machine.running
    return values[values[:, machine.column(name)] > level]


@pytest.fixture(params=list(MACHINES))
def machine(request: pytest.FixtureRequest) -> Individual:
    return MACHINES[str(request.param)](seed=5)


@settings(max_examples=15, deadline=None)
@given(kind=st.sampled_from(sorted(MACHINES)), seed=st.integers(0, 2**63), block=st.integers(1, 9000))
def test_the_numbers_do_not_depend_on_the_block_size(kind: str, seed: int, block: int) -> None:
    machine = MACHINES[kind](seed=seed)
    whole, cut = take(machine, 9001), take(machine, 9001, block=block)
    assert np.array_equal(whole.t_ns, cut.t_ns)
    assert np.array_equal(whole.values, cut.values)


def test_rows_are_the_blocks_one_by_one(machine: Individual) -> None:
    block = take(machine, 700)
    rows = list(islice(machine.rows(start_ns=MONDAY_NS, every_ns=SECOND_NS), 700))
    assert [row.claimed_ns for row in rows] == block.t_ns.tolist()
    assert [list(row.values) for row in rows] == block.values.tolist()
    assert {(row.device, row.channels) for row in rows} == {(machine.device, machine.names)}


def test_another_process_says_the_same(machine: Individual) -> None:
    kind = type(machine)
    code = (
        f"import hashlib; from {kind.__module__} import {kind.__name__} as M; "
        f"b = next(M(seed=5).blocks(start_ns={MONDAY_NS}, every_ns={SECOND_NS}, block=5000)); "
        "print(hashlib.sha256(b.values.tobytes()).hexdigest())"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert said.stdout.strip() == hashlib.sha256(take(machine, 5000).values.tobytes()).hexdigest()


def test_seeds_are_individuals(machine: Individual) -> None:
    others = [take(type(machine)(seed=seed), 600).values.mean(axis=0) for seed in range(6)]
    assert len({tuple(mean) for mean in others}) == 6
    vibration = [mean[machine.column("vibration_rms")] for mean in others]
    assert max(vibration) > 1.1 * min(vibration)


def test_everything_a_healthy_month_says_is_physically_possible(machine: Individual) -> None:
    values = take(machine, 43_200, every_ns=60 * SECOND_NS).values
    for channel in machine.channels:
        column = values[:, machine.column(channel.name)]
        low, high = RANGES[channel.name]
        assert low <= column.min() < column.max() <= high, channel.name
        assert np.array_equal(column, np.round(column, channel.decimals)), channel.name
        assert channel.uom


def test_a_healthy_machine_is_the_same_in_the_first_and_in_the_sixth_week(machine: Individual) -> None:
    def week(number: int) -> F64:
        start_ns = MONDAY_NS + 7 * number * DAY_NS
        return running(machine, take(machine, 40_320, start_ns=start_ns, every_ns=15 * SECOND_NS).values)

    first, sixth = week(0), week(5)
    for channel in machine.channels:
        if channel.name != "temperature":  # the hall has its seasons
            at = machine.column(channel.name)
            assert sixth[:, at].mean() == pytest.approx(first[:, at].mean(), rel=0.08), channel.name


def test_noise_remembers_and_differs_from_channel_to_channel() -> None:
    pump = Pump(seed=3, schedule=Schedule.ALWAYS)
    rows = take(pump, 86_400).values
    quick = rows[1:] - rows[:-1]
    slow = rows[60:] - rows[:-60]
    for name in ("vibration_rms", "pressure", "flow"):
        at = pump.column(name)
        assert slow[:, at].std() > 1.15 * quick[:, at].std(), name
    assert abs(np.corrcoef(quick[:, 0], quick[:, 4])[0, 1]) < 0.2


def test_a_pump_under_more_demand_delivers_draws_and_presses_more() -> None:
    pump = Pump(seed=4, schedule=Schedule.ALWAYS)
    values = take(pump, 17_280, every_ns=10 * SECOND_NS).values
    related = np.asarray(np.corrcoef(values.T))
    for one, other in (("flow", "pressure"), ("flow", "current"), ("pressure", "current")):
        assert related[pump.column(one), pump.column(other)] > 0.9, (one, other)
    assert related[pump.column("flow"), pump.column("vibration_rms")] > 0.5


def test_a_bearing_follows_the_load_with_the_lag_of_iron() -> None:
    pump = Pump(seed=4, schedule=Schedule.DUTY)
    values = take(pump, 17_280, every_ns=10 * SECOND_NS).values
    load, heat = values[:, pump.column("current")], values[:, pump.column("temperature")]

    def related(lag: int) -> float:
        return float(np.corrcoef(load[: len(load) - lag], heat[lag:])[0, 1])

    assert related(60) > related(0) + 0.1


def test_a_spindle_repeats_its_part_with_stops_between_the_tools() -> None:
    spindle = Spindle(seed=2, schedule=Schedule.ALWAYS)
    values = take(spindle, 3600).values
    speed, power = values[:, spindle.column("speed")], values[:, spindle.column("power")]
    starts = int(np.sum((speed[1:] > 500) & (speed[:-1] <= 500)))
    assert starts >= 4 * 3600 // 240 - 4
    assert power[speed > 2000].mean() > 3 * power[speed < 50].mean()
    assert len(running(spindle, values)) == 3600


@pytest.mark.parametrize("schedule", list(Schedule))
def test_running_when_follows_the_schedule(machine: Individual, schedule: Schedule) -> None:
    scheduled = type(machine)(seed=5, schedule=schedule)
    share = len(running(scheduled, take(scheduled, 20_160, every_ns=60 * SECOND_NS).values)) / 20_160
    low, high = {"always": (1.0, 1.0), "rests": (0.95, 0.9999), "shifts": (0.45, 0.5), "duty": (0.5, 0.72)}[schedule]
    assert low <= share <= high
    assert scheduled.running_when == "{} > {:g}".format(*scheduled.running)


def test_a_machine_that_stopped_starts_cold() -> None:
    pump = Pump(seed=8, schedule=Schedule.SHIFTS)
    sunday_ns = MONDAY_NS + 6 * DAY_NS
    values = take(pump, 2 * 86_400 // 60, start_ns=sunday_ns, every_ns=60 * SECOND_NS).values
    on = values[:, pump.column("current")] > pump.running[1]
    first = int(np.argmax(on))
    heat = values[:, pump.column("temperature")]
    assert not on[: 24 * 60].any()
    assert heat[first + 180 : first + 240].mean() > heat[first] + 10


def test_a_machine_met_in_the_middle_of_its_day_is_already_warm(machine: Individual) -> None:
    at = machine.column("temperature")
    early = take(type(machine)(seed=6, schedule=Schedule.ALWAYS), 40_000).values[:, at]
    late = take(type(machine)(seed=6, schedule=Schedule.ALWAYS), 1, start_ns=MONDAY_NS + 39_999 * SECOND_NS)
    assert late.values[0, at] == pytest.approx(early[-1], abs=1.5)


def test_a_fleet_alternates_kinds_and_repeats_no_individual() -> None:
    machines = fleet(6, seed=1)
    assert [m.device for m in machines] == ["pump-1", "spindle-1", "pump-2", "spindle-2", "pump-3", "spindle-3"]
    said = [take(m, 50).values.tobytes() for m in [*machines, *fleet(6, seed=2)]]
    assert len(set(said)) == 12


def test_a_numbered_machine_counts_its_rows(machine: Individual) -> None:
    numbered = Numbered(machine)
    block = take(numbered, 5000)
    assert block.values[:, numbered.column("n")].tolist() == list(range(1, 5001))
    assert np.array_equal(block.values[:, :-1], take(machine, 5000).values)


def test_an_unknown_channel_is_named(machine: Individual) -> None:
    with pytest.raises(ValueError, match="has no channel 'humidity'"):
        machine.column("humidity")


@pytest.mark.parametrize(("block", "every_ns"), [(0, 1), (1, 0)])
def test_a_grid_without_extent_is_refused(machine: Machine, block: int, every_ns: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        next(machine.blocks(start_ns=0, every_ns=every_ns, block=block))
