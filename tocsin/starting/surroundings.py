"""What is connected to this machine that a first config could name: serial ports, and an MQTT broker."""

import socket
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

import msgspec

BROKER = ("127.0.0.1", 1883)
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x05\x00\x00"  # MQTT 3.1.1, clean session, no client id
_REFUSED_FOR_LOGIN = {4, 5}


class Port(Protocol):
    """A serial port as pyserial lists it."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    description: str


class SerialPort(msgspec.Struct, frozen=True):
    """A serial port as the config names it; without `usb` nothing says that a device is behind it."""

    name: str
    path: str
    description: str
    usb: bool


class Broker(StrEnum):
    """What listens on this machine's MQTT port."""

    NONE = "none"
    OPEN = "open"
    LOGIN = "login"


class Surroundings(msgspec.Struct, frozen=True):
    """What was found."""

    ports: tuple[SerialPort, ...] = ()
    broker: Broker = Broker.NONE


def look() -> Surroundings:
    """Look at this machine; takes at most about a second."""
    return Surroundings(ports=serial_ports(_listed()), broker=broker(*BROKER))


def serial_ports(listed: Iterable[Port]) -> tuple[SerialPort, ...]:
    """Serial ports by names that outlive replugging where the hardware allows it, those with a device first."""
    there = sorted(listed, key=lambda port: port.device)
    identities = Counter(map(_identity, there))
    found = []
    for port in there:
        identity = _identity(port)
        # Two ports of one identity, as of a double adapter, can only be told apart by path.
        name = identity if identity and identities[identity] == 1 else port.device
        found.append(
            SerialPort(
                name=name, path=port.device, description=_plain(port.description or ""), usb=port.vid is not None
            )
        )
    return tuple(sorted(found, key=lambda port: not port.usb))


def broker(host: str, port: int, *, timeout_s: float = 0.5) -> Broker:
    """Ask whether an MQTT broker answers, and whether it wants a login."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as line:
            line.sendall(_CONNECT)
            answer = line.recv(4)
    except OSError:
        return Broker.NONE
    if len(answer) != len(b"\x20\x02\x00\x00") or answer[0] != 0x20:  # noqa: PLR2004 -- a CONNACK
        return Broker.NONE
    return Broker.LOGIN if answer[3] in _REFUSED_FOR_LOGIN else Broker.OPEN


def _listed() -> Iterable[Port]:
    try:
        from serial.tools import list_ports  # noqa: PLC0415 -- absent where the extra `edge` is not installed
    except ModuleNotFoundError:
        return ()
    ports: Iterable[Port] = list_ports.comports()
    return ports


def _identity(port: Port) -> str:
    if port.vid is None or port.pid is None:
        return ""
    serial = port.serial_number or ""
    return f"usb:{port.vid:04X}:{port.pid:04X}" + (f"/{serial}" if serial.isprintable() and serial else "")


def _plain(text: str) -> str:
    return "" if text == "n/a" else "".join(letter for letter in text if letter.isprintable())[:60]
