import json
import os
import tty
from collections.abc import Iterator
from contextlib import suppress

import pytest
import serial

from edge.sources.serial_answers import MOST_BYTES, SerialAnswers
from edge.sources.serial_port import SerialPort
from tests.edge.sources.fakes import KeepingIntake, running, until
from wire.answer import answer
from wire.config import SerialSource
from wire.messages import Advice, Origin, RunStarted, StepEnded

ADVICE = Advice(Origin("e", "0" * 32, 1), "e", "r1", "S01", 0.9, stop=True, t_ns=1, source="line-1")


class Bench:
    """A test bench at the other end of a serial line."""

    def __init__(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave
        os.set_blocking(self._master, False)
        self._heard = b""

    def say(self, *lines: bytes) -> None:
        os.write(self._master, b"\n" + b"".join(line + b"\n" for line in lines))

    def heard(self) -> list[bytes]:
        with suppress(BlockingIOError):
            self._heard += os.read(self._master, 1 << 16)
        return self._heard.splitlines()

    def close(self) -> None:
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def bench() -> Iterator[Bench]:
    there = Bench()
    yield there
    there.close()


def test_advice_goes_back_as_a_line_on_the_port_that_the_step_came_from(bench: Bench) -> None:
    intake = KeepingIntake()
    port = SerialPort(SerialSource(port=bench.path, device="bench-1", format="json"), name="line-1")
    with running(port, intake):
        bench.say(
            b'{"event":"run-started","run":"r1","unit":"u","procedure":"p"}',
            b'{"event":"step","run":"r1","step":"S01"}',
        )
        until(lambda: bool(intake.of(StepEnded)))
        port.answer(ADVICE)
        port.answer(ADVICE)  # told once
        until(lambda: bool(bench.heard()))
    assert [json.loads(line) for line in bench.heard()] == [
        {"event": "advice", "run": "r1", "step": "S01", "stop": True, "p_fail": 0.9}
    ]
    assert intake.of(RunStarted) == [RunStarted("r1", "u", "p", "", "bench-1", source="line-1")]


def test_advice_for_a_port_that_is_not_open_is_dropped(bench: Bench) -> None:
    port = SerialPort(SerialSource(port=bench.path, device="bench-1"), name="line-1")
    port.answer(ADVICE)
    with running(port, KeepingIntake()):
        pass
    assert bench.heard() == []


def test_a_port_that_takes_nothing_holds_up_no_one_and_gets_whole_lines_later(bench: Bench) -> None:
    line = answer(ADVICE).body
    with serial.Serial(bench.path, timeout=0.1) as port:
        answers = SerialAnswers()
        answers.open(port)
        sent = 4 * MOST_BYTES // len(line)
        for _ in range(sent):
            answers.write([ADVICE])
        heard: list[bytes] = []

        def drained() -> bool:
            answers.write(())
            before = len(heard)
            heard[:] = bench.heard()
            return bool(heard) and len(heard) == before

        until(drained)
    assert set(heard) == {line}
    assert MOST_BYTES // len(line) <= len(heard) < sent


def test_ringing_a_port_that_was_closed_is_harmless(bench: Bench) -> None:
    answers = SerialAnswers()
    answers.ring()
    with serial.Serial(bench.path, timeout=0.1) as port:
        answers.open(port)
    answers.ring()
    answers.close()
    answers.write([ADVICE])
    assert bench.heard() == []
