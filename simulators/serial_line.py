"""A machine on a serial port."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from simulators.lines import LineForm
from simulators.port import Port
from simulators.rows import Block, Machine
from simulators.speaker import Speaker

OPENING_S = 0.1  # a reader that has just opened a port throws away what it finds there


class SerialLine(Speaker):
    """Says rows as lines on a pseudo-terminal that any serial reader can open at `path`.

    As many boards do, the device restarts when its port is opened: an empty line, then the header, then rows.
    When nobody reads, bytes are lost and counted; with `flow_control` the device waits instead (RTS/CTS).
    """

    def __init__(
        self,
        machine: Machine,
        *,
        every_ns: int,
        link: Path | None = None,
        form: LineForm | None = None,
        flow_control: bool = False,
        buffer_bytes: int = 4096,
        fast: bool = False,
        rows: int | None = None,
        start_ns: int | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        super().__init__(
            machine, every_ns=every_ns, fast=fast, rows=rows, start_ns=start_ns, clock_ns=clock_ns, wait=wait
        )
        self._form = form or LineForm()
        self._flow_control = flow_control
        self._lock = threading.Lock()
        self._port = Port(link, buffer_bytes=buffer_bytes)
        self._rows_to_header = 0
        self._awake = False  # somebody had the port open at the last row

    @property
    def path(self) -> str:
        """Where a reader opens the port."""
        return self._port.path

    @property
    def dropped_bytes(self) -> int:
        """Bytes that nobody took."""
        return self._port.dropped_bytes

    @property
    def written_bytes(self) -> int:
        """Bytes handed to the kernel."""
        return self._port.written_bytes

    @property
    def listened_to(self) -> bool:
        """Whether somebody has the port open."""
        with self._lock:
            return self._port.listened_to

    def unplug(self) -> None:
        """Pull the plug while the machine goes on."""
        with self._lock:
            self._port.unplug()

    def replug(self) -> None:
        """Put the plug in again."""
        with self._lock:
            self._port.replug()

    def _open(self) -> None:
        self._port.replug()

    def _close(self) -> None:
        with self._lock:
            self._port.unplug()

    def _say(self, block: Block, at_ns: int) -> None:
        for i, (t_ns, values) in enumerate(zip(block.t_ns.tolist(), block.values.tolist(), strict=True)):
            if not self._clear_to_send():
                return
            line = self._opening() + self._form.row(self.machine.channels, t_ns, values)
            data = self.machine.garbled(line, at_ns + i * self._every_ns)
            with self._lock:
                # Who opens the port between the look at it and this is greeted with the next row.
                (self._port.write if self._awake else self._port.miss)(data)
            self.produced += 1

    def _opening(self) -> bytes:
        """What goes before a row: nothing mostly, the header now and then, and a fresh line after an opening."""
        slept, self._awake = not self._awake, self.listened_to
        opened = slept and self._awake
        self._rows_to_header -= 1
        if not opened and self._rows_to_header > 0:
            return b""
        self._rows_to_header = self._form.header_every
        return (self._form.end if opened else b"") + self._form.header(self.machine.channels)

    def _clear_to_send(self) -> bool:
        """With flow control wait until the reader takes bytes; false when stopped before."""
        if not self._flow_control:
            return True
        while not self._ready():
            self._awake = self._awake and self.listened_to
            if self._wait(0.005):
                return False
        return self._awake or not self._wait(OPENING_S)

    def _ready(self) -> bool:
        with self._lock:
            return self._port.listened_to and self._port.flush() and self._port.room_within(0.0)

    def _settle(self) -> None:
        """Bytes in the device's own buffer go out while somebody reads."""
        while True:
            with self._lock:
                if self._port.flush():
                    return
            if self._wait(0.005):
                return
