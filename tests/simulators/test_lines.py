import io
import json
from functools import reduce
from operator import xor

import pytest

from simulators.lines import LineForm
from simulators.numbered import Numbered
from simulators.pump import CHANNELS, Pump
from simulators.rows import Machine
from simulators.stdout_line import StdoutLine

T_NS = 1_767_571_200_250_000_000
VALUES = [1.25, 40.5, float("nan"), 3.3, 180.0]


def test_csv_has_a_header_empty_cells_and_the_sensor_s_decimals() -> None:
    form = LineForm()
    assert form.header(CHANNELS) == b"vibration_rms,temperature,current,pressure,flow\r\n"
    assert form.row(CHANNELS, T_NS, VALUES) == b"1.25,40.5,,3.30,180.0\r\n"


@pytest.mark.parametrize(
    ("form", "stamp"),
    [
        (LineForm(time="ns", separator=";", end=b"\n"), b"1767571200250000000"),
        (LineForm(time="s", separator=";", end=b"\n"), b"1767571200.250000"),
        (LineForm(time="iso", separator=";", end=b"\n"), b"2026-01-05T00:00:00.250000Z"),
    ],
)
def test_a_time_comes_first(form: LineForm, stamp: bytes) -> None:
    assert form.header(CHANNELS).startswith(b"time;vibration_rms")
    assert form.row(CHANNELS, T_NS, VALUES) == stamp + b";1.25;40.5;;3.30;180.0\n"


def test_json_leaves_missing_values_out() -> None:
    form = LineForm(form="json", time="iso")
    assert form.header(CHANNELS) == b""
    assert json.loads(form.row(CHANNELS, T_NS, VALUES)) == {
        "time": "2026-01-05T00:00:00.250000Z",
        "vibration_rms": 1.25,
        "temperature": 40.5,
        "pressure": 3.3,
        "flow": 180.0,
    }


def test_a_checked_line_carries_the_xor_of_its_body() -> None:
    line = LineForm(checksum="nmea").row(CHANNELS, T_NS, VALUES)
    body, star, check = line.strip().removeprefix(b"$").rpartition(b"*")
    assert line.startswith(b"$")
    assert star
    assert int(check, 16) == reduce(xor, body)


def test_a_device_told_so_writes_no_header() -> None:
    assert LineForm(header_every=0).header(CHANNELS) == b""


class Clock:
    """A wall clock that moves only while somebody waits for it."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self.waits: list[float] = []

    def read(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now_ns += round(seconds * 1e9)
        return False


def told(machine: Machine, clock: Clock, *, every_ns: int, rows: int, fast: bool = False) -> list[str]:
    out = io.StringIO()
    line = StdoutLine(machine, out=out, every_ns=every_ns, rows=rows, fast=fast, clock_ns=clock.read, wait=clock.wait)
    with line:
        assert line.finished(10)
    assert line.produced == rows
    return out.getvalue().splitlines()


def test_rows_come_when_they_are_due_and_start_now() -> None:
    clock = Clock(T_NS)
    lines = told(Numbered(Pump()), clock, every_ns=1_000_000_000, rows=5)
    assert lines[0] == "time,vibration_rms,temperature,current,pressure,flow,n"
    assert [line.split(",")[0] for line in lines[1:3]] == ["2026-01-05T00:00:00.250000Z", "2026-01-05T00:00:01.250000Z"]
    assert [line.split(",")[-1] for line in lines[1:]] == ["1", "2", "3", "4", "5"]
    assert clock.now_ns - T_NS == 4_000_000_000
    assert max(clock.waits) <= 1.0


def test_close_rows_leave_in_bursts() -> None:
    clock = Clock(T_NS)
    assert len(told(Pump(), clock, every_ns=1_000_000, rows=200)) == 201
    assert len(clock.waits) == 10


def test_a_fast_line_waits_for_nothing_and_says_the_same() -> None:
    clock, fast = Clock(T_NS), Clock(T_NS)
    assert told(Pump(), clock, every_ns=10**9, rows=700) == told(Pump(), fast, every_ns=10**9, rows=700, fast=True)
    assert fast.waits == []


class Broken(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_went_away_is_told_on_leaving() -> None:
    line = StdoutLine(Pump(), out=Broken(), every_ns=1, fast=True)
    with pytest.raises(BrokenPipeError), line:
        assert line.finished(10)


def test_leaving_stops_an_endless_line() -> None:
    out = io.StringIO()
    with StdoutLine(Pump(), out=out, every_ns=10**12) as line:
        assert not line.finished(0.0)
    assert line.finished(0.0)
