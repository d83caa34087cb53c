"""What one batch left of one device for the detectors to judge."""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from stream.devices.attendant import Attendant, Stretch
from stream.draft import Occasion


class Gathered(msgspec.Struct, frozen=True):
    """Closed rows of a device in time order."""

    t_ns: I64
    values: F64
    running: Bools

    @property
    def rows(self) -> int:
        """How many rows."""
        return int(self.t_ns.size)


class Visit(msgspec.Struct, frozen=True):
    """A device during one batch, after its rows and timers."""

    at: Occasion
    name: str
    clock_ns: int
    newest_ns: int
    silent: bool
    running: bool
    paced: bool  # its rows are scored: its grid is known, or it needs none
    speaks: bool
    live: Gathered | None
    late: Gathered | None
    findings: tuple[str, ...]
    late_over: bool


def visit(at: Occasion, name: str, attendant: Attendant) -> Visit:
    """Note how things stand now."""
    device = attendant.device
    return Visit(
        at=at,
        name=name,
        clock_ns=attendant.clock_ns,
        newest_ns=device.life.newest_ns,
        silent=attendant.silent,
        running=device.life.running,
        paced=device.grid is not None or device.life.pieces is False,
        speaks=attendant.speaks,
        live=gathered(attendant.stretches),
        late=gathered(attendant.late_stretches),
        findings=tuple(attendant.late_findings),
        late_over=attendant.late_over,
    )


def gathered(stretches: Sequence[Stretch]) -> Gathered | None:
    """Put stretches behind each other; None for no rows."""
    if not stretches:
        return None
    if len(stretches) == 1:
        return Gathered(stretches[0].rows.t_ns, stretches[0].rows.values, stretches[0].running)
    return Gathered(
        np.concatenate([s.rows.t_ns for s in stretches]),
        np.concatenate([s.rows.values for s in stretches]),
        np.concatenate([s.running for s in stretches]),
    )
