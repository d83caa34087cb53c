import errno
import fcntl
import os
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge.source import SourceError
from edge.sources.serial_port import SerialPort, build
from tests.edge.sources.fakes import KeepingIntake, running, until
from wire.config import Config, SerialSource
from wire.messages import Refused
from wire.ports import Arrival


class Pty:
    """The device's end of a serial line; closing it unplugs the device."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave: int | None = slave

    def say(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.master, data) :]

    def unplug(self) -> None:
        for descriptor in (self.master, self._slave):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)
        self.master, self._slave = -1, None


@pytest.fixture
def pty() -> Iterator[Pty]:
    line = Pty()
    yield line
    line.unplug()


def source(port: str, **changes: object) -> SerialPort:
    settings = SerialSource(port=port, device="pump-1", channels=("a", "b"))
    return build(msgspec.structs.replace(settings, **changes), name="line-1", config=Config())


def test_lines_become_rows_without_a_claimed_time(pty: Pty) -> None:
    intake = KeepingIntake()
    with running(source(pty.path), intake) as run:
        pty.say(b"\n1,2\r\n3,")
        pty.say(b"4\n")
        until(lambda: len(intake.rows) == 2)
        assert run.said == [f"reads csv lines from {pty.path} at 9600 baud"]
    assert [(row.device, row.channels, row.values, row.claimed_ns) for row in intake.rows] == [
        ("pump-1", ("a", "b"), (1.0, 2.0), None),
        ("pump-1", ("a", "b"), (3.0, 4.0), None),
    ]
    assert not any(arrival.own_times for arrival in intake.arrivals)
    assert run.error is None


def test_a_time_field_claims_times_and_own_times_are_passed_on(pty: Pty) -> None:
    intake = KeepingIntake()
    with running(source(pty.path, time_field="time", times="own"), intake):
        pty.say(b"\n1700000000,1,2\n")
        until(lambda: bool(intake.rows))
    assert intake.rows[0].claimed_ns == 1_700_000_000_000_000_000
    assert intake.arrivals[-1].own_times


def test_a_device_that_was_quiet_loses_no_first_line(pty: Pty) -> None:
    clock = iter([0.0, *[1.0 + step for step in range(10_000)]])
    intake = KeepingIntake()
    settings = SerialSource(port=pty.path, device="pump-1", channels=("a", "b"))
    with running(SerialPort(settings, name="s", monotonic_s=lambda: next(clock)), intake):
        pty.say(b"1,2\n")
        until(lambda: bool(intake.rows))
    assert intake.refused == 0


def test_unplugging_is_an_error_and_plugging_in_again_goes_on(pty: Pty) -> None:
    intake = KeepingIntake()
    with running(source(pty.path), intake) as run:
        pty.say(b"\n1,2\n5")
        until(lambda: bool(intake.rows))
        pty.unplug()
        error = run.ended()
    assert isinstance(error, SourceError)
    assert "was lost while reading" in str(error)
    assert sum(row.values == (1.0, 2.0) for row in intake.rows) == 1
    again = Pty()
    with running(source(again.path), intake):
        again.say(b"\n3,4\n")
        until(lambda: len(intake.rows) == 2)
    again.unplug()


class Listed(msgspec.Struct):
    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None


def test_a_usb_port_is_found_again_under_another_number() -> None:
    first, second = Pty(), Pty()
    ports: list[Listed] = []
    settings = SerialSource(port="usb:0403:6001/FT9", device="pump-1", channels=("a", "b"))
    line = SerialPort(settings, name="line-1", listed=lambda: ports)
    intake = KeepingIntake()
    for number, pty in enumerate((first, second), start=1):
        ports[:] = [Listed("/dev/other", 0x0403, 0x6001, "FT8"), Listed(pty.path, 0x0403, 0x6001, "FT9")]
        with running(line, intake) as run:
            pty.say(b"\n1,2\n")
            until(lambda: len(intake.rows) == number)  # noqa: B023  awaited within the turn
            pty.unplug()
            assert isinstance(run.ended(), SourceError)


def failure(line: SerialPort) -> str:
    with running(line, KeepingIntake(), connected=False) as run:
        error = run.ended()
    assert isinstance(error, SourceError)
    return str(error)


def test_a_missing_usb_port_names_what_is_there() -> None:
    settings = SerialSource(port="usb:0403:6001/FT9", device="pump-1")
    ports = [Listed("/dev/ttyUSB0", 0x0403, 0x6001, "FT8"), Listed("/dev/ttyS0")]
    text = failure(SerialPort(settings, name="line-1", listed=lambda: ports))
    assert text == "usb:0403:6001/FT9 is not plugged in; ports that exist: /dev/ttyUSB0 (usb:0403:6001/FT8), /dev/ttyS0"
    ports[1:] = [Listed("/dev/ttyUSB1", 0x0403, 0x6001, "FT9")]
    text = failure(SerialPort(msgspec.structs.replace(settings, port="usb:0403:6001"), name="x", listed=lambda: ports))
    assert "fits 2 ports: add the serial number (/dev/ttyUSB0 has FT8, /dev/ttyUSB1 has FT9)" in text


def test_a_missing_path_names_what_is_there() -> None:
    settings = SerialSource(port="/dev/ttyUSB77", device="pump-1")
    assert failure(SerialPort(settings, name="x", listed=lambda: [Listed("/dev/ttyS0")])) == (
        "/dev/ttyUSB77 does not exist; ports that exist: /dev/ttyS0"
    )
    assert "has no serial port" in failure(SerialPort(settings, name="x", listed=list))


def test_a_port_in_use_says_so(pty: Pty) -> None:
    other = os.open(pty.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        assert "is in use by another program" in failure(source(pty.path))
    finally:
        os.close(other)


def test_what_is_no_serial_port_says_so(tmp_path: Path) -> None:
    plain = tmp_path / "file"
    plain.write_text("")
    assert failure(source(str(plain))) == f"{plain} is no serial port"


def test_a_forbidden_port_names_the_group() -> None:
    line = source("/dev/ttyUSB0")
    assert "group dialout" in line._refusal("/dev/ttyUSB0", PermissionError(errno.EACCES, "denied"))


def test_a_port_that_cannot_be_is_refused_when_built() -> None:
    with pytest.raises(ValueError, match='port: expected a path or "usb:VID:PID/serial"'):
        source("usb:403:6001")


def test_a_full_outbox_stops_the_reading_and_nothing_read_is_lost(pty: Pty) -> None:
    intake = KeepingIntake()
    with running(source(pty.path), intake):
        intake.full = True
        pty.say(b"\n1,2\n")
        until(lambda: intake.refusals > 1)
        pty.say(b"3,4\n")
        intake.full = False
        until(lambda: len(intake.rows) == 2)
    assert [row.values for row in intake.rows] == [(1.0, 2.0), (3.0, 4.0)]


def test_stopping_ends_a_source_whose_outbox_is_full(pty: Pty) -> None:
    intake = KeepingIntake()
    with running(source(pty.path), intake) as run:
        intake.full = True
        pty.say(b"\n1,2\n")
        until(lambda: intake.refusals > 0)
        run.stop.set()
        assert run.ended() is None


class Busy(KeepingIntake):
    """Stands still for 5 s at each row, while the device says `meanwhile`."""

    def __init__(self, pty: Pty, meanwhile: bytes, *, asleep_s: float = 0.0) -> None:
        super().__init__()
        self._now_s, self.slept_s = 1.0, 0.0
        self._pty, self._meanwhile, self._asleep_s = pty, meanwhile, asleep_s

    def put(self, arrival: Arrival) -> None:
        super().put(arrival)
        self._now_s += 5.0
        self.slept_s += self._asleep_s
        self._pty.say(self._meanwhile)
        self._meanwhile = b""

    def now_s(self) -> float:
        self._now_s += 0.1
        return self._now_s


def watched(pty: Pty, intake: Busy) -> SerialPort:
    settings = SerialSource(port=pty.path, device="pump-1", channels=("a", "b"))
    return SerialPort(settings, name="line-1", monotonic_s=intake.now_s, asleep_s=lambda: intake.slept_s)


def test_a_line_that_said_more_than_the_kernel_keeps_while_nobody_read_counts_as_lost(pty: Pty) -> None:
    intake = Busy(pty, b"3,4\n" * 1020)
    with running(watched(pty, intake), intake) as run:
        pty.say(b"\n1,2\n")
        error = run.ended()
    assert str(error) == f"{pty.path} was not read for 5 s, and the kernel keeps less than that"
    assert [row.values for row in intake.rows] == [(1.0, 2.0)]


def test_a_standstill_that_the_kernel_outlasts_loses_nothing(pty: Pty) -> None:
    intake = Busy(pty, b"3,4\n" * 100)
    with running(watched(pty, intake), intake):
        pty.say(b"\n1,2\n")
        until(lambda: len(intake.rows) == 101)


def test_a_line_counts_as_lost_while_the_machine_was_suspended(pty: Pty) -> None:
    intake = Busy(pty, b"", asleep_s=60.0)
    with running(watched(pty, intake), intake) as run:
        pty.say(b"\n1,2\n")
        error = run.ended()
    assert "was not read for 65 s" in str(error)


def test_line_noise_disturbs_nothing_but_itself(pty: Pty) -> None:
    intake = KeepingIntake()
    with running(source(pty.path), intake):
        pty.say(b"\n1,2\n" + bytes(range(128, 256)) + b"\n3,4\n")
        until(lambda: len(intake.rows) == 2)
    (event,) = intake.of(Refused)
    assert event.reason == "not text: wrong baud rate or line noise?"
    assert event.body == bytes(range(128, 256))


def test_a_socat_line_under_a_stable_link_survives_renumbering(tmp_path: Path) -> None:
    link, device = tmp_path / "line", tmp_path / "device"
    intake = KeepingIntake()
    line = source(str(link))
    for number in (1, 2):
        command = ["socat", f"PTY,link={link},raw,echo=0", f"PTY,link={device},raw,echo=0"]
        try:
            socat = subprocess.Popen(command)
        except FileNotFoundError:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip("socat is not installed")
        try:
            until(lambda: link.exists() and device.exists(), what="socat's links")
            with running(line, intake) as run:
                with device.open("wb", buffering=0) as end:
                    end.write(b"\n%d,2\n" % number)
                until(lambda: len(intake.rows) == number)  # noqa: B023  awaited within the turn
                socat.terminate()
                assert isinstance(run.ended(), SourceError)
        finally:
            socat.terminate()
            socat.wait(5)
    assert [row.values[0] for row in intake.rows] == [1.0, 2.0]
