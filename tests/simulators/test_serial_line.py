import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from simulators.lines import LineForm
from simulators.numbered import Numbered
from simulators.port import Port
from simulators.pump import Pump
from simulators.serial_line import SerialLine

MS = 1_000_000
NUMBERED = Numbered(Pump(seed=3))
NAMES = b"vibration_rms,temperature,current,pressure,flow,n"


@contextmanager
def reader(path: str) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield fd
    finally:
        os.close(fd)


def until(done: Callable[[], bool], *, within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline, "waited too long"
        select.select([], [], [], 0.002)


def read_some(fd: int, *, within_s: float = 10.0) -> bytes:
    assert select.select([fd], [], [], within_s)[0], "nothing came"
    return os.read(fd, 65536)


def read_lines(fd: int, enough: Callable[[list[bytes]], bool]) -> list[bytes]:
    data = b""
    while not enough(data.split(b"\r\n")[:-1]):
        data += read_some(fd)
    return data.split(b"\r\n")[:-1]


def numbers(lines: list[bytes]) -> list[int]:
    return [int(line.rsplit(b",", 1)[1]) for line in lines if line and line != NAMES]


def test_a_plain_reader_gets_every_row_when_it_keeps_up() -> None:
    with SerialLine(NUMBERED, every_ns=MS, flow_control=True, fast=True, rows=3000) as line, reader(line.path) as fd:
        lines = read_lines(fd, lambda lines: lines[-1:] != [] and lines[-1].endswith(b",3000"))
        assert line.finished(10)
    assert numbers(lines) == list(range(1, 3001))
    assert lines[:2] == [b"", NAMES]
    assert lines.count(NAMES) == 3000 // 60
    assert (line.produced, line.dropped_bytes) == (3000, 0)
    assert line.written_bytes == sum(len(one) + 2 for one in lines)


def test_by_the_wall_clock_rows_are_said_at_their_time() -> None:
    began_ns = time.time_ns()
    form = LineForm(form="json", time="ns")
    with SerialLine(NUMBERED, every_ns=20 * MS, form=form, rows=10, flow_control=True) as line, reader(line.path) as fd:
        lines = read_lines(fd, lambda lines: len(lines) >= 11)
        assert line.finished(10)
        ended_ns = time.time_ns()
    stamps = [int(one.split(b": ")[1].split(b",")[0]) for one in lines if one]
    assert began_ns <= stamps[0]
    assert stamps[-1] <= ended_ns
    assert {b - a for a, b in pairwise(stamps)} == {20 * MS}


def test_what_nobody_reads_is_dropped_and_counted_and_a_late_reader_starts_with_a_header() -> None:
    with SerialLine(NUMBERED, every_ns=MS) as line:
        until(lambda: line.produced > 200)
        assert line.written_bytes == 0
        with reader(line.path) as fd:
            lines = read_lines(fd, lambda lines: len(lines) > 20)
        assert lines[:2] == [b"", NAMES]
        first, *rest = numbers(lines)
        assert first > 200
        assert rest == list(range(first + 1, first + len(rest) + 1))
        before = line.dropped_bytes
        assert before > 200 * 30
        until(lambda: line.dropped_bytes > before)


def test_a_second_reader_gets_nothing_that_was_left_for_the_first() -> None:
    with SerialLine(NUMBERED, every_ns=MS) as line:
        with reader(line.path):
            until(lambda: line.written_bytes > 3000)
        since = line.produced
        until(lambda: line.produced > since + 5)
        with reader(line.path) as fd:
            assert numbers(read_lines(fd, lambda lines: len(lines) > 5))[0] > since


def test_a_reader_that_does_not_read_costs_a_bounded_buffer() -> None:
    with SerialLine(NUMBERED, every_ns=MS, fast=True, rows=20_000, buffer_bytes=500) as line, reader(line.path):
        until(lambda: line.produced == 20_000)
        said = line.written_bytes + line.dropped_bytes
        assert line.written_bytes < 65_536
        assert said > 20_000 * 30 - 500


def test_an_unplugged_device_vanishes_and_comes_back_behind_the_same_link(tmp_path: Path) -> None:
    link = tmp_path / "pump"
    with SerialLine(NUMBERED, every_ns=MS, link=link) as line:
        assert line.path == str(link)
        with reader(line.path) as fd:
            before = numbers(read_lines(fd, lambda lines: len(lines) > 10))
            line.unplug()
            assert not link.exists()
            assert ended(fd)
        missed = line.produced
        until(lambda: line.produced > missed + 10)
        line.replug()
        with reader(line.path) as fd:
            after = numbers(read_lines(fd, lambda lines: len(lines) > 10))
        assert after[0] > missed + 10 > before[-1]
    assert not link.is_symlink()


def ended(fd: int) -> bool:
    try:
        while os.read(fd, 65536):
            pass
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_flow_control_waits_for_a_reader_and_can_be_stopped_while_it_waits() -> None:
    with SerialLine(NUMBERED, every_ns=MS, flow_control=True, fast=True) as line:
        assert not line.listened_to
        assert not line.finished(0.05)
        assert line.produced == 0
    assert line.dropped_bytes == 0


def test_leaving_an_unplugged_line_is_quiet() -> None:
    with SerialLine(NUMBERED, every_ns=MS) as line:
        line.unplug()
        line.unplug()
    assert line.finished(0)


@pytest.mark.parametrize("size", [1, 100, 60_000])
def test_every_byte_given_to_a_port_is_read_held_or_counted_as_dropped(size: int) -> None:
    port = Port(buffer_bytes=1000)
    port.replug()
    with reader(port.path) as fd:
        dropped = sum(port.write(b"x" * size) for _ in range(3))
        got = 0
        while select.select([fd], [], [], 0.05)[0]:
            got += len(os.read(fd, 4096))
            port.flush()
        assert got + dropped + port.held_bytes == 3 * size
        assert got == port.written_bytes
        assert dropped == port.dropped_bytes
    port.unplug()
