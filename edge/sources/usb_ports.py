"""Which path a serial port has now: the kernel numbers USB ports anew at every plugging in."""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from serial.tools import list_ports

from edge.source import SourceError

_USB = re.compile(r"usb:(?P<vid>[0-9A-Fa-f]{4}):(?P<pid>[0-9A-Fa-f]{4})(?:/(?P<serial>.+))?")


class Port(Protocol):
    """A serial port of this machine, as pyserial lists it."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None


def comports() -> Sequence[Port]:
    """The ports of this machine now."""
    return list_ports.comports()


def check(port: str) -> None:
    """Raise ValueError if a configured port can be neither a path nor a USB identity."""
    if not port or (port.startswith("usb:") and not _USB.fullmatch(port)):
        msg = f'port: expected a path or "usb:VID:PID/serial" with four hex digits each, got "{port}"'
        raise ValueError(msg)


def path_of(port: str, listed: Callable[[], Sequence[Port]]) -> str:
    """The path of a configured port now; raises SourceError naming what there is instead."""
    usb = _USB.fullmatch(port)
    if usb is None:
        return port
    identity = (int(usb["vid"], 16), int(usb["pid"], 16))
    there = listed()
    alike = [p for p in there if (p.vid, p.pid) == identity and usb["serial"] in {None, p.serial_number}]
    if len(alike) == 1:
        return alike[0].device
    if alike:
        serials = ", ".join(f"{p.device} has {p.serial_number or 'none'}" for p in alike)
        msg = f"{port} fits {len(alike)} ports: add the serial number ({serials})"
        raise SourceError(msg)
    msg = f"{port} is not plugged in; {inventory(there)}"
    raise SourceError(msg)


def inventory(there: Sequence[Port]) -> str:
    """The ports there are, in words, with the identities a config can name."""
    names = ", ".join(f"{p.device}{_identity(p)}" for p in there)
    return f"ports that exist: {names}" if names else "this machine has no serial port"


def _identity(port: Port) -> str:
    if port.vid is None or port.pid is None:
        return ""
    serial = f"/{port.serial_number}" if port.serial_number else ""
    return f" (usb:{port.vid:04X}:{port.pid:04X}{serial})"
