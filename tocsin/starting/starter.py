"""A first `tocsin.toml`, commented and valid, from what is connected to this machine."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from tocsin.starting.surroundings import Broker, SerialPort, Surroundings, look


class StarterError(Exception):
    """The config could not be written; says why and what to do."""


def write(path: Path, *, force: bool = False, look: Callable[[], Surroundings] = look) -> str:
    """Write a config and return what was found and what to type next; never over a file unless forced."""
    if path.exists() and not force:
        msg = f"{path} exists: edit it, or write over it with --force"
        raise StarterError(msg)
    here = look()
    try:
        _put(path, config_text(here), force=force)
    except FileExistsError:
        msg = f"{path} was written by someone else just now"
        raise StarterError(msg) from None
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}"
        raise StarterError(msg) from error
    return "\n".join([*map("found: {}".format, _found(here)), f"wrote {path}", f"next:  {_next(path)}"])


def config_text(here: Surroundings) -> str:
    """The text of a config that reads this machine and what is connected to it."""
    # Built-in ports are many and mostly empty: one of them, as a comment, shows how it is done.
    ports = [port for port in here.ports if port.usb] or [*here.ports[:1]] or [_EXAMPLE]
    serial = "\n".join(_serial(port, place) for place, port in enumerate(ports, start=1))
    mqtt = _MQTT if here.broker is not Broker.NONE else _commented(_MQTT)
    login = here.broker is Broker.LOGIN
    if login:
        mqtt = mqtt.replace("# username_env", "username_env").replace("# password_env", "password_env")
    return f"{_HEAD}\n{_HOST}\n{serial}\n{mqtt}\n{_DEVICES}\n{_CONSOLE}"


_EXAMPLE = SerialPort(name="/dev/ttyUSB0", path="/dev/ttyUSB0", description="none found yet", usb=False)
_HEAD = """\
# Tocsin reads this one file. Every key is explained in docs/config.md; "tocsin check" explains every error.
site = "my-plant"

# Where things are kept, relative to this file.
bus = "local:data/log.sqlite"           # what was read and is not scored yet
store = "duckdb:data/tocsin.duckdb"     # readings, scores and alarms
registry = "folder:data/models"

[edge]
name = "edge"                           # another one for each Tocsin on a broker
outbox_bytes = "2GB"                    # the most disk that waiting input may take
"""
_HOST = """\
# This machine itself: load, memory, temperature, disk, network.
[[edge.sources]]
type = "host"
every = "1s"
"""
_MQTT = """\
# An MQTT broker: plant/DEVICE/CHANNEL with a number, or plant/DEVICE with JSON.
[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:1883"           # mqtts:// for TLS
topics = ["plant/#"]
pattern = "plant/{device}/{channel}"
# username_env = "MQTT_USERNAME"        # names of environment variables: secrets never stand in this file
# password_env = "MQTT_PASSWORD"
"""
_DEVICES = """\
# What is known of devices; "*" matches any name, later tables override earlier ones.
[[devices]]
match = "*"
silent_after = "30s"                    # ring when a device says nothing for so long

# A limit on one channel of one device:
# [[devices]]
# match = "pump-*"
# owner = "maintenance@my-plant"
# running_when = "current > 0.5"        # nothing is learnt while the machine is off
# [devices.channels.temperature]
# uom = "°C"
# limits = { H = 70, HH = 85, deadband = 2, response = "Check coolant flow, then stop the pump." }

# What is known of the procedures of test benches, see docs/test-benches.md; benches are told nothing until you say so.
# [[procedures]]
# match = "end-of-line-*"
# costs = { bench_hour = 60, scrap_good = 100, repair = 40, currency = "EUR" }
"""
_CONSOLE = """\
[console]
listen = "127.0.0.1:8765"               # the page and its API
"""


def _serial(port: SerialPort, place: int) -> str:
    description = f": {port.description}" if port.description else ""
    table = f"""\
# Lines of numbers from {port.path}{description}
[[edge.sources]]
type = "serial"
port = {_quoted(port.name)}
baud = 9600                             # as the device's manual says
format = "csv"                          # csv | json | regex
device = {_quoted(_device(port, place))}
channels = []                           # names of the columns; empty: the device sends a header line
"""
    return table if port.usb else _commented(table)


def _commented(table: str) -> str:
    return "".join(line if line.startswith("#") else f"# {line}" for line in table.splitlines(keepends=True))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string of printable text is a TOML string


def _device(port: SerialPort, place: int) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", port.description.split(" - ")[0].lower()).strip("-")[:40]
    return f"{word or 'serial'}-{place}"


def _found(here: Surroundings) -> list[str]:
    ports = [f"serial port {port.path} ({port.name})" for port in here.ports if port.usb]
    unsure = [port.path for port in here.ports if not port.usb]
    brokers = {
        Broker.NONE: [],
        Broker.OPEN: ["an MQTT broker on 127.0.0.1:1883"],
        Broker.LOGIN: ["an MQTT broker on 127.0.0.1:1883 that wants a login: set MQTT_USERNAME and MQTT_PASSWORD"],
    }
    built_in = [f"built-in serial ports {', '.join(unsure)}, left as comments"] if unsure else []
    return ["this machine", *ports, *built_in, *brokers[here.broker]]


def _next(path: Path) -> str:
    return "tocsin up" if path == Path("tocsin.toml") else f"tocsin up -c {path}"


def _put(path: Path, text: str, *, force: bool) -> None:
    if not force:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        return
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    os.replace(beside, path)  # noqa: PTH105 -- one step, whole or not at all
