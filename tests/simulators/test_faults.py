import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.course import Course, Shape
from simulators.fault import Fault
from simulators.faults import FAULTS
from simulators.lies import ClockDrift, Dropout, LineNoise, Spike, Stuck
from simulators.numbered import Numbered
from simulators.pump import Pump
from simulators.rows import F64, Block, Machine
from simulators.spindle import Spindle
from simulators.surroundings import SECOND_NS, Schedule
from simulators.wear import BearingWear, Imbalance, Leak, Overheating

START_NS = 1_767_571_200 * SECOND_NS
ONSET = 5000
ROWS = 14_000
STEP = Course(onset_ns=START_NS + ONSET * SECOND_NS, shape=Shape.STEP)


def take(machine: Machine, rows: int = ROWS) -> Block:
    blocks = list(machine.blocks(start_ns=START_NS, every_ns=SECOND_NS, end_ns=START_NS + rows * SECOND_NS))
    return Block(np.concatenate([b.t_ns for b in blocks]), np.concatenate([b.values for b in blocks]))


def after(machine: Machine) -> F64:
    """The last hour of values."""
    return take(machine).values[-3600:]


def pump() -> Pump:
    return Pump(seed=9, schedule=Schedule.ALWAYS)


def spindle() -> Spindle:
    return Spindle(seed=9, schedule=Schedule.ALWAYS)


PAIRS = [
    (name, kind, machine)
    for name, kind in FAULTS.items()
    for machine in (pump(), spindle())
    if set(kind.needs) <= set(machine.names)
]


@pytest.mark.parametrize(("name", "kind", "machine"), PAIRS)
def test_nothing_changes_before_the_onset_and_something_after(name: str, kind: type[Fault], machine: Machine) -> None:
    faulty = kind(machine, STEP)
    healthy, said = take(machine), take(faulty)
    assert np.array_equal(said.t_ns[:ONSET], healthy.t_ns[:ONSET])
    assert np.array_equal(said.values[:ONSET], healthy.values[:ONSET])
    lines = [faulty.garbled(b"1.5,2.5", START_NS + i * SECOND_NS) for i in range(ONSET + 100)]
    assert set(lines[:ONSET]) == {b"1.5,2.5"}
    changed = (
        len(said.t_ns) < ROWS
        or not np.array_equal(said.t_ns, healthy.t_ns)
        or not np.array_equal(said.values, healthy.values)
        or len(set(lines)) > 1
    )
    assert changed, name


@pytest.mark.parametrize(("name", "kind", "machine"), PAIRS)
def test_a_fault_too_says_the_same_however_it_is_cut(name: str, kind: type[Fault], machine: Machine) -> None:
    faulty = kind(machine, Course(onset_ns=STEP.onset_ns, ramp_ns=3000 * SECOND_NS))
    end_ns = START_NS + ROWS * SECOND_NS
    said = take(faulty)
    cut = list(faulty.blocks(start_ns=START_NS, every_ns=SECOND_NS, block=77, end_ns=end_ns))
    assert np.array_equal(said.values, np.concatenate([b.values for b in cut]), equal_nan=True), name
    assert np.array_equal(said.t_ns, np.concatenate([b.t_ns for b in cut])), name


@pytest.mark.parametrize(("name", "kind", "machine"), PAIRS)
def test_a_worse_fault_changes_more(name: str, kind: type[Fault], machine: Machine) -> None:
    healthy = take(machine)

    def change(peak: float) -> float:
        faulty = kind(machine, Course(onset_ns=STEP.onset_ns, shape=Shape.STEP, peak=peak))
        said = take(faulty)
        lost = 1e6 * (ROWS - len(said.t_ns))
        if lost:
            return lost
        lines = sum(faulty.garbled(b"1.5,2.5", STEP.onset_ns + i) != b"1.5,2.5" for i in range(2000))
        moved = float(np.abs(said.t_ns - healthy.t_ns).sum())
        return moved + lines + float(np.abs(said.values - healthy.values).sum())

    changes = [change(peak) for peak in (0.1, 0.3, 0.6, 1.0)]
    assert changes == sorted(changes)
    assert 0 < changes[0] < changes[-1], name


@pytest.mark.parametrize("kind", FAULTS.values())
def test_every_fault_says_what_it_means_and_when_to_ring(kind: type[Fault]) -> None:
    assert kind.effect
    assert kind.full
    assert 0.0 < kind.stated <= 1.0
    course = Course(onset_ns=1000, ramp_ns=1_000_000)
    stated_ns = kind(pump(), course).stated_ns
    assert stated_ns is not None
    before, then = course.severity(np.array([stated_ns - 1, stated_ns]))
    assert before < kind.stated <= then
    mild = Course(onset_ns=0, peak=kind.stated / 2)
    assert kind(pump(), mild).stated_ns is None


@given(
    shape=st.sampled_from(Shape),
    ramp_ns=st.integers(0, 10**15),
    peak=st.floats(0.01, 1.0),
    ask=st.floats(0.001, 1.0),
    lasts_ns=st.none() | st.integers(1, 10**15),
)
def test_severity_grows_to_its_peak_and_is_reached_when_said(
    shape: Shape, ramp_ns: int, peak: float, ask: float, lasts_ns: int | None
) -> None:
    onset_ns = START_NS
    until_ns = None if lasts_ns is None else onset_ns + lasts_ns
    course = Course(onset_ns=onset_ns, ramp_ns=ramp_ns, shape=shape, peak=peak, until_ns=until_ns)
    last_ns = onset_ns + 2 * ramp_ns if until_ns is None else until_ns - 1
    grown = course.severity(onset_ns + np.linspace(0, last_ns - onset_ns, 50).astype(np.int64))
    assert (np.diff(grown) >= 0).all()
    assert grown.max() <= peak
    assert course.severity(np.array([onset_ns - 1])) == 0.0
    reached = course.reaches_ns(ask)
    if reached is None:
        assert grown.max() < ask
    else:
        before, then = course.severity(np.array([reached - 1, reached]))
        assert before < ask <= then
    if until_ns is not None:
        assert course.severity(np.array([until_ns])) == 0.0


@pytest.mark.parametrize(("peak", "ramp_ns"), [(0.0, 1), (1.1, 1), (1.0, -1)])
def test_an_impossible_course_is_refused(peak: float, ramp_ns: int) -> None:
    with pytest.raises(ValueError, match="a fault grows"):
        Course(onset_ns=0, peak=peak, ramp_ns=ramp_ns)


def test_wear_shakes_with_a_heavy_tail_then_heats_and_drags() -> None:
    machine = pump()
    healthy, worn = after(machine), after(BearingWear(machine, STEP))
    shake = worn[:, 0] / healthy[:, 0]
    assert 3.9 < np.median(shake) < 4.1
    assert np.percentile(shake, 99) > 1.4 * np.median(shake)
    assert (worn[:, 1] - healthy[:, 1])[-1] == pytest.approx(25.0, abs=0.2)
    assert np.median(worn[:, 2] / healthy[:, 2]) == pytest.approx(1.08, abs=0.005)
    assert np.array_equal(worn[:, 3:], healthy[:, 3:])


def test_imbalance_grows_with_the_square_of_the_speed() -> None:
    machine = spindle()
    healthy, loose = after(machine), after(Imbalance(machine, STEP))
    added, speed = loose[:, 1] - healthy[:, 1], healthy[:, 0] / 9000.0
    assert np.allclose(added, 3.6 * speed**2, atol=0.011)
    assert np.array_equal(np.delete(loose, 1, axis=1), np.delete(healthy, 1, axis=1))


def test_overheating_climbs_with_the_lag_of_the_iron() -> None:
    machine = pump()
    warmer = take(Overheating(machine, STEP)).values[:, 1] - take(machine).values[:, 1]
    assert warmer[ONSET + 10] < 2.0
    assert warmer[ONSET + 600] == pytest.approx(45.0 * (1 - math.exp(-1)), abs=0.5)
    assert warmer[-1] == pytest.approx(45.0, abs=0.2)


def test_heat_stays_a_while_when_the_cause_is_gone() -> None:
    machine = pump()
    repaired = Course(onset_ns=STEP.onset_ns, until_ns=STEP.onset_ns + 2000 * SECOND_NS)
    warmer = take(Overheating(machine, repaired)).values[:, 1] - take(machine).values[:, 1]
    assert warmer[ONSET + 2000 + 60] > 30
    assert warmer[-1] == 0.0


def test_a_leak_takes_flow_and_pressure_and_costs_current() -> None:
    machine = pump()
    ratio = np.median(after(Leak(machine, STEP)) / after(machine), axis=0)
    assert ratio == pytest.approx([1.0, 1.0, 1.12, 0.7, 0.6], abs=0.01)
    with pytest.raises(ValueError, match="has no channel 'flow'"):
        Leak(spindle(), STEP)


def test_spikes_are_single_readings_of_one_channel() -> None:
    machine = pump()
    healthy, spiky = take(machine).values, take(Spike(machine, STEP, channel="pressure")).values
    hit = np.flatnonzero(healthy[:, 3] != spiky[:, 3])
    assert len(hit) / (ROWS - ONSET) == pytest.approx(0.1, abs=0.02)
    assert np.abs(healthy[hit, 3] - spiky[hit, 3]).min() > 2 * 4.2 - 0.1
    assert np.array_equal(np.delete(spiky, 3, axis=1), np.delete(healthy, 3, axis=1))


def test_a_stuck_channel_repeats_its_last_value_across_chunks() -> None:
    machine = pump()
    said = take(Stuck(machine, STEP, channel="flow")).values[:, 4]
    assert set(said[ONSET:]) == {take(machine).values[ONSET - 1, 4]}


def test_a_channel_that_sticks_half_the_time_lives_the_other_half() -> None:
    course = Course(onset_ns=STEP.onset_ns, peak=0.5)
    said = take(Stuck(pump(), course, channel="flow")).values[ONSET : ONSET + 60, 4]
    assert len(set(said[:30])) == 1
    assert len(set(said[30:])) > 10


def test_a_dropped_channel_is_missing_and_a_dropped_device_is_silent() -> None:
    machine = pump()
    one = take(Dropout(machine, STEP, channel="flow")).values
    assert np.isnan(one[ONSET:, 4]).all()
    assert not np.isnan(one[:, :4]).any()
    assert len(take(Dropout(machine, STEP)).t_ns) == ONSET
    half = Dropout(machine, Course(onset_ns=STEP.onset_ns, peak=0.5))
    assert (len(take(half).t_ns) - ONSET) / (ROWS - ONSET) == pytest.approx(0.5, abs=0.03)


def test_a_silent_device_still_gives_empty_blocks_so_that_its_speaker_keeps_time() -> None:
    silent = Dropout(pump(), Course(onset_ns=0))
    blocks = silent.blocks(start_ns=START_NS, every_ns=SECOND_NS, block=10)
    assert [len(next(blocks).t_ns) for _ in range(1000)] == [0] * 1000


def test_a_drifting_clock_runs_ahead_by_what_is_said() -> None:
    machine = pump()
    ahead = take(ClockDrift(machine, STEP)).t_ns - take(machine).t_ns
    assert set(ahead[ONSET:]) == {15 * 60 * SECOND_NS}


def test_a_fault_outside_a_drifting_clock_keeps_true_time() -> None:
    machine = ClockDrift(pump(), Course(onset_ns=0))
    said, healthy = take(Leak(machine, STEP)).values, take(pump()).values
    assert np.array_equal(said[:ONSET], healthy[:ONSET])
    assert said[ONSET, 4] < 0.7 * healthy[ONSET, 4]


def test_line_noise_damages_half_of_the_lines_at_full_severity() -> None:
    noisy = LineNoise(pump(), STEP)
    line = b"1.25,40.1,7.22,3.30,181.2\r\n"
    said = [noisy.garbled(line, STEP.onset_ns + i * SECOND_NS) for i in range(2000)]
    assert sum(one != line for one in said) / 2000 == pytest.approx(0.5, abs=0.05)
    assert said[:50] == [noisy.garbled(line, STEP.onset_ns + i * SECOND_NS) for i in range(50)]
    assert noisy.garbled(b"", STEP.onset_ns) == b""


def test_faults_compose() -> None:
    machine = pump()
    both = Spike(Leak(LineNoise(machine, STEP), STEP), STEP)
    healthy, said = take(machine).values, take(both).values
    assert np.median(said[ONSET:, 4] / healthy[ONSET:, 4]) == pytest.approx(0.6, abs=0.01)
    assert (said[ONSET:, 0] != healthy[ONSET:, 0]).any()
    assert any(both.garbled(b"1,2", STEP.onset_ns + i) != b"1,2" for i in range(50))


def test_numbers_have_holes_only_when_the_loss_is_outside_of_them() -> None:
    lossy = Course(onset_ns=STEP.onset_ns, peak=0.5)
    inside = take(Numbered(Dropout(pump(), lossy))).values[:, -1]
    assert inside.tolist() == list(range(1, len(inside) + 1))
    outside = take(Dropout(Numbered(pump()), lossy)).values[:, -1]
    assert len(outside) < outside[-1]


def test_a_stopped_machine_neither_shakes_leaks_nor_heats() -> None:
    machine = Pump(seed=9, schedule=Schedule.SHIFTS)
    night_ns = START_NS + 2 * 3600 * SECOND_NS
    course = Course(onset_ns=0)
    for kind in (BearingWear, Leak, Overheating, Imbalance):
        blocks = [
            next(m.blocks(start_ns=night_ns, every_ns=SECOND_NS, block=3600)) for m in (machine, kind(machine, course))
        ]
        assert np.array_equal(blocks[0].values, blocks[1].values), kind
