"""A machine on a stream of text, for pipes and files."""

import time
from collections.abc import Callable
from typing import TextIO

from simulators.lines import LineForm
from simulators.rows import Block, Machine
from simulators.speaker import Speaker

_FORM = LineForm(time="iso", end=b"\n", header_every=1)


class StdoutLine(Speaker):
    """Says rows as lines; CSV has its header once, in front. A reader that goes away ends it."""

    def __init__(
        self,
        machine: Machine,
        *,
        out: TextIO,
        every_ns: int,
        form: LineForm = _FORM,
        fast: bool = False,
        rows: int | None = None,
        start_ns: int | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        super().__init__(
            machine, every_ns=every_ns, fast=fast, rows=rows, start_ns=start_ns, clock_ns=clock_ns, wait=wait
        )
        self._out = out
        self._form = form

    def _open(self) -> None:
        self._write(self._form.header(self.machine.channels))

    def _close(self) -> None:
        pass

    def _say(self, block: Block, at_ns: int) -> None:
        for i, (t_ns, values) in enumerate(zip(block.t_ns.tolist(), block.values.tolist(), strict=True)):
            line = self._form.row(self.machine.channels, t_ns, values)
            self._write(self.machine.garbled(line, at_ns + i * self._every_ns))
            self.produced += 1
        self._out.flush()

    def _write(self, line: bytes) -> None:
        # A damaged line is no longer text; what cannot be shown is escaped.
        self._out.write(line.decode(errors="backslashreplace"))
