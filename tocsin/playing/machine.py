"""`tocsin simulate`: a simulated machine from words on a command line."""

import os
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from simulators.course import Course
from simulators.faults import FAULTS
from simulators.fleet import MACHINES
from simulators.rows import Machine
from simulators.speak import speak as start
from simulators.speaker import Speaker
from tocsin.ending import ended
from wire.messages import NS_PER_S

CONNECT_S = 5.0
USERNAME, PASSWORD = "MQTT_USERNAME", "MQTT_PASSWORD"


class SimulateError(Exception):
    """The words do not describe a machine; the message says what would."""


def faults() -> str:
    """The faults there are, a line each."""
    width = max(map(len, FAULTS))
    return "\n".join(f"{name.ljust(width)}  {fault.effect}" for name, fault in FAULTS.items())


def speak(
    kind: str,
    *,
    target: str,
    every_s: float,
    for_s: float | None,
    fault: str,
    at_s: float,
    ramp_s: float,
    device: str,
    seed: int,
) -> None:
    """Say a machine's rows until the time is over or a signal comes."""
    if every_s <= 0:
        msg = f"--every must be more than 0, got {every_s:g} s"
        raise SimulateError(msg)
    begun_ns = time.time_ns()
    machine = _machine(kind, device=device, seed=seed)
    if fault:
        machine = _faulty(machine, fault, Course(onset_ns=begun_ns + _ns(at_s), ramp_ns=_ns(ramp_s)))
    every_ns = _ns(every_s)
    rows = None if for_s is None else max(1, round(for_s / every_s))
    try:
        with ended() as end, _line(machine, target, every_ns=every_ns, rows=rows, start_ns=begun_ns) as line:
            while not end.is_set() and not line.finished(0.1):
                pass
    except BrokenPipeError:
        unread()
    except (OSError, ValueError) as error:
        msg = f"cannot speak to {target}: {error}"
        raise SimulateError(msg) from error


def _line(machine: Machine, target: str, *, every_ns: int, rows: int | None, start_ns: int) -> Speaker:
    to, _, where = target.partition(":")
    url = urlsplit(target)
    if to == "stdout":
        return start(machine, "stdout", every_ns=every_ns, rows=rows, start_ns=start_ns)
    if to == "serial" and where:
        link = simulated(Path(where))
        return start(machine, "serial", every_ns=every_ns, rows=rows, start_ns=start_ns, link=link)
    if to == "mqtt" and url.hostname:
        # The line itself waits for a broker without a word, which is right for a machine and not for a person.
        socket.create_connection((url.hostname, url.port or 1883), timeout=CONNECT_S).close()
        return start(machine, "mqtt", every_ns=every_ns, rows=rows, start_ns=start_ns, url=target, login=login())
    msg = f'--to must be "stdout", "serial:PATH" or "mqtt://HOST:PORT", got {target!r}'
    raise SimulateError(msg)


def unread() -> None:
    """The reader of the pipe has gone; what Python still holds for it goes nowhere, or it would complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def simulated(link: Path) -> Path:
    """A path where a simulated port may stand; raises SimulateError where something else does."""
    if link.exists() and Path("/dev/pts") not in link.resolve().parents:
        msg = f"{link} is there already and is no simulated port: name another path"
        raise SimulateError(msg)
    return link


def login() -> tuple[str, str] | None:
    """Who to be at a broker, from the environment."""
    name = os.environ.get(USERNAME, "")
    return (name, os.environ.get(PASSWORD, "")) if name else None


def _machine(kind: str, *, device: str, seed: int) -> Machine:
    return MACHINES[kind](device or f"{kind}-1", seed=seed)


def _faulty(machine: Machine, name: str, course: Course) -> Machine:
    if name not in FAULTS:
        msg = f"there is no fault {name!r}; there are {', '.join(FAULTS)}"
        raise SimulateError(msg)
    try:
        return FAULTS[name](machine, course)
    except ValueError as error:
        raise SimulateError(str(error)) from error


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
