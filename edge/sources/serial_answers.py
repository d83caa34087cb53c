"""Advice as lines on an open serial port; a port that takes nothing holds up no one."""

import os
from collections.abc import Iterable
from contextlib import suppress

import serial

from wire.answer import answer
from wire.messages import Advice

MOST_BYTES = 65536  # that wait for a port which is slow to take them; more is dropped by whole lines


class SerialAnswers:
    """Writes to one opening of a port from the thread that reads it; any thread may ring for it."""

    def __init__(self) -> None:
        self._port: serial.Serial | None = None
        self._rest = b""

    def open(self, port: serial.Serial) -> None:
        """Begin with a port that was just opened; what was left of the line before is void."""
        self._rest = b""
        self._port = port

    def close(self) -> None:
        """Let go of the port."""
        self._port = None

    def ring(self) -> None:
        """End the reader's wait, so that it writes."""
        port = self._port
        if port is not None:
            with suppress(OSError, TypeError):  # pyserial has no descriptor any more once it is closed
                port.cancel_read()

    def write(self, advice: Iterable[Advice]) -> None:
        """Write advice behind what is left, as far as the port takes it; its reader notices a lost one."""
        for one in advice:
            line = answer(one).body + b"\n"
            if len(self._rest) + len(line) <= MOST_BYTES:
                self._rest += line
        if self._rest and self._port is not None:
            with suppress(OSError):  # full for now, or gone
                self._rest = self._rest[os.write(self._port.fileno(), self._rest) :]
