"""Lines from a serial port: opened by path or USB identity, read until told to stop or until it is unplugged."""

import errno
import os
import threading
import time
from collections.abc import Callable, Sequence

import serial

from edge.returns import Questions
from edge.source import SourceError
from edge.sources.formats import parser
from edge.sources.line_reader import Harvest, LineReader
from edge.sources.offer import offer
from edge.sources.serial_answers import SerialAnswers
from edge.sources.standstill import Standstill, asleep_s
from edge.sources.usb_ports import Port, check, comports, inventory, path_of
from wire.config import Config, SerialSource
from wire.messages import Advice, StepEnded
from wire.ports import Arrival, Intake

WAIT_S = 0.1  # the longest it takes to hear that it shall stop
GATHER_S = 0.005  # bytes of one line come in bursts; a pause this short saves most of the wake-ups
QUIET_S = 0.1  # silence after which what comes begins a line, unless the line is slower still
QUIET_CHARACTERS = 20
IN_STEP_S = 2.0  # a first line that takes longer is not waited for before the port counts as connected
READ_BYTES = 65536


def build(settings: SerialSource, *, name: str, config: Config) -> "SerialPort":
    """Make the source that the settings describe; raises ValueError naming a setting that cannot be."""
    _ = config
    return SerialPort(settings, name=name)


class SerialPort:
    """Reads one serial port; opened exclusively among programs that lock their ports.

    A port has no acknowledgement. While the outbox refuses, this source stops reading: the kernel's buffer fills (a
    few KiB), then the device is held by its flow control or, without one, its bytes are lost. That is what `refuse`
    means for serial. A port that said more than the kernel kept while nobody read, or while the machine was suspended,
    is opened anew, so that a gap tells of it. Names from a CSV header are kept when the port is opened again.
    """

    acknowledged = False

    def __init__(
        self,
        settings: SerialSource,
        *,
        name: str,
        listed: Callable[[], Sequence[Port]] = comports,
        monotonic_s: Callable[[], float] = time.monotonic,
        asleep_s: Callable[[], float] = asleep_s,
    ) -> None:
        check(settings.port)
        self.name = name
        self._settings = settings
        self._parser = parser(settings, source=name)
        self._questions = Questions(monotonic_s=monotonic_s)
        self._answers = SerialAnswers()
        self._listed = listed
        self._monotonic_s = monotonic_s
        self._asleep_s = asleep_s

    def run(self, intake: Intake, stop: threading.Event, connected: Callable[[str], None]) -> None:
        """Open the port and put what it says until stopped; raises SourceError when it is lost."""
        path = path_of(self._settings.port, self._listed)
        with self._opened(path) as port:
            where = f"{path} at {self._settings.baud} baud"
            reader = LineReader(
                source=self.name,
                device=self._settings.device,
                parser=self._parser,
                max_line_bytes=self._settings.max_line_bytes,
                where=where,
            )
            self._answers.open(port)
            try:
                self._read(
                    port, reader, intake, stop, lambda: connected(f"reads {self._settings.format} lines from {where}")
                )
            finally:
                self._answers.close()
                self._put(reader.close(now_s=self._monotonic_s()), intake, stop)

    def answer(self, advice: Advice) -> None:
        """Write advice as a line to the port, if its step came from there a moment ago."""
        if self._questions.tell(advice):
            self._answers.ring()

    def _read(
        self,
        port: serial.Serial,
        reader: LineReader,
        intake: Intake,
        stop: threading.Event,
        connected: Callable[[], None],
    ) -> None:
        opened_s = self._monotonic_s()
        standstill = Standstill(monotonic_s=self._monotonic_s, asleep_s=self._asleep_s)
        in_step = False
        quiet_s = max(QUIET_S, QUIET_CHARACTERS * 10 / self._settings.baud)
        while not stop.is_set():
            data = self._received(port, stop)
            if missed_s := standstill.missed_s(len(data)):
                msg = f"{self._settings.port} was not read for {missed_s:.0f} s, and the kernel keeps less than that"
                raise SourceError(msg)
            now_s = self._monotonic_s()
            harvest = reader.feed(data, now_s=now_s, quiet_before=now_s - opened_s >= quiet_s)
            # Told only now, so that the line which was torn by the opening lies inside the gap that this ends.
            if not in_step and (reader.in_step or now_s - opened_s >= (IN_STEP_S if reader.begun else quiet_s)):
                in_step = True
                connected()
            if not self._put(harvest, intake, stop):
                return
            self._answers.write(advice for _, advice in self._questions.take())

    def _received(self, port: serial.Serial, stop: threading.Event) -> bytes:
        try:
            data = port.read(1)
            if not data:
                return b""
            stop.wait(GATHER_S)
            waiting = min(port.in_waiting, READ_BYTES)
            return data + (port.read(waiting) if waiting else b"")
        except (OSError, TypeError) as error:  # pyserial raises TypeError when its descriptor went away under it
            msg = f"{self._settings.port} was lost while reading ({_cause(error)}): is it still plugged in?"
            raise SourceError(msg) from error

    def _put(self, harvest: Harvest, intake: Intake, stop: threading.Event) -> bool:
        if not harvest.rows and not harvest.events:
            return True
        for event in harvest.events:
            if isinstance(event, StepEnded):
                self._questions.ask(event.run, event.step)
        own_times = self._settings.times == "own"
        arrival = Arrival(source=self.name, rows=harvest.rows, events=harvest.events, own_times=own_times)
        return offer(intake, arrival, stop)

    def _opened(self, path: str) -> serial.Serial:
        try:
            return serial.Serial(path, self._settings.baud, timeout=WAIT_S, exclusive=True)
        except ValueError as error:
            msg = f"{path} cannot be set to {self._settings.baud} baud: {error}"
            raise SourceError(msg) from error
        except OSError as error:
            raise SourceError(self._refusal(path, error)) from error

    def _refusal(self, path: str, error: OSError) -> str:
        if error.errno in {errno.ENOENT, errno.ENXIO, errno.ENODEV}:
            return f"{path} does not exist; {inventory(self._listed())}"
        if error.errno in {errno.EACCES, errno.EPERM}:
            return f"no permission to open {path}: add this user to the group dialout, then log in again"
        if error.errno in {errno.EBUSY, errno.EAGAIN}:
            return f"{path} is in use by another program: close it, or remove the source that reads the same port"
        if error.errno in {errno.ENOTTY, errno.EISDIR} or "configure port" in str(
            error
        ):  # pyserial gives no errno here
            return f"{path} is no serial port"
        return f"{path} cannot be opened: {_cause(error)}"


def _cause(error: Exception) -> str:
    code = getattr(error, "errno", None)
    return os.strerror(code) if isinstance(code, int) else str(error)
