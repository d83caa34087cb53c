import threading
from math import isnan

import msgspec
import psutil
import pytest

from edge.sources.host import CHANNEL_UOMS, Host, build
from edge.sources.host_probes import PROBES, Probe, Sample
from tests.edge.sources.fakes import KeepingIntake, running, until
from wire.config import Config, HostSource
from wire.ports import Arrival, Row


class Clock:
    """A monotonic clock that moves only when someone waits, and then a little too far."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Stop(threading.Event):
    """Told to stop once the clock has come to an end."""

    def __init__(self, clock: Clock, *, ends_s: float) -> None:
        super().__init__()
        self._clock = clock
        self._ends_s = ends_s

    def wait(self, timeout: float | None = None) -> bool:
        self._clock.now_s += (timeout or 0.0) + 0.01
        return self._clock.now_s >= self._ends_s


def as_dict(row: Row) -> dict[str, float]:
    return dict(zip(row.channels, row.values, strict=True))


def test_this_machine_is_a_device_with_known_units() -> None:
    intake = KeepingIntake()
    source = build(HostSource(every_ns=20_000_000, device="box"), name="host-1", config=Config())
    with running(source, intake):
        until(lambda: any(as_dict(row)["cpu"] >= 0 for row in intake.rows))  # NaN while no tick of 10 ms has passed
    channels = {row.channels for row in intake.rows}
    assert len(channels) == 1
    assert (
        {"cpu", "load", "memory", "disk_used", "network_received", "processes"} <= set(*channels) <= set(CHANNEL_UOMS)
    )
    row = next(row for row in map(as_dict, intake.rows) if row["cpu"] >= 0)
    assert 0 < row["memory"] <= 100
    assert row["cpu"] <= 100
    assert row["processes"] >= 1
    assert all(row.device == "box" and row.claimed_ns is None for row in intake.rows)


def test_rates_are_differences_and_the_schedule_does_not_drift() -> None:
    clock, intake = Clock(), KeepingIntake()
    taken: list[float] = []

    def count() -> float:
        taken.append(clock.now_s)
        return 1000.0 * clock.now_s

    probes = [Probe("sent", "B/s", count, rate=True, scale=2.0)]
    host = Host(HostSource(), name="h", probes=probes, monotonic_s=clock)
    host.run(intake, Stop(clock, ends_s=150.0), lambda _: None)
    assert len(intake.rows) == 49
    assert all(row.values[0] == pytest.approx(2000.0) for row in intake.rows)
    assert all(at_s == pytest.approx(100.01 + turn, abs=1e-6) for turn, at_s in enumerate(taken) if turn)


def test_moments_slept_through_are_left_out() -> None:
    clock = Clock()

    class Sleepy(KeepingIntake):
        def put(self, arrival: Arrival) -> None:
            super().put(arrival)
            if len(self.rows) == 3:
                clock.now_s += 10.0

    intake = Sleepy()
    probes = [Probe("clock", "s", lambda: clock.now_s)]
    host = Host(HostSource(), name="h", probes=probes, monotonic_s=clock)
    host.run(intake, Stop(clock, ends_s=120.0), lambda _: None)
    seconds = [int(row.values[0]) for row in intake.rows]
    assert seconds == [101, 102, 103, 113, 114, 115, 116, 117, 118, 119]


def test_what_the_machine_lacks_is_no_channel_and_what_fails_later_is_missing() -> None:
    answers = iter([5.0, None, 6.0])

    def absent() -> float | None:
        raise OSError

    clock, intake = Clock(), KeepingIntake()
    probes = [Probe("fan", "1/min", absent), Probe("temperature", "°C", lambda: next(answers))]
    host = Host(HostSource(), name="h", probes=probes, monotonic_s=clock)
    host.run(intake, Stop(clock, ends_s=103.0), lambda _: None)
    assert [row.channels for row in intake.rows] == [("temperature",)] * 2
    assert isnan(intake.rows[0].values[0])
    assert intake.rows[1].values == (6.0,)


def test_a_count_that_began_anew_has_no_rate() -> None:
    probe = Probe("sent", "B/s", lambda: 0.0, rate=True)
    assert isnan(probe.value(Sample(1.0, 500.0), Sample(2.0, 3.0)))
    assert isnan(probe.value(Sample(1.0, None), Sample(2.0, 3.0)))
    assert isnan(probe.value(Sample(2.0, 1.0), Sample(2.0, 3.0)))
    assert probe.value(Sample(1.0, 1.0), Sample(3.0, 5.0)) == 2.0


def test_a_rate_stays_within_what_there_is() -> None:
    probe = Probe("cpu", "%", lambda: 0.0, rate=True, scale=100.0, most=100.0)
    assert probe.value(Sample(1.0, 1.0), Sample(2.0, 2.1)) == 100.0


def test_every_probe_of_the_table_answers_or_says_that_there_is_none() -> None:
    assert len(CHANNEL_UOMS) == len(PROBES)
    for probe in PROBES:
        value = probe.read()
        assert value is None or value >= 0.0
    assert Probe("x", "", lambda: psutil.Process(2**30).cpu_percent()).read() is None


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="every: expected more than nothing"):
        Host(msgspec.structs.replace(HostSource(), every_ns=0), name="h")
