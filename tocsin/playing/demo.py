"""`tocsin demo`: machines of which one wears out and one falls silent, and test benches that stop early."""

import json
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
import msgspec

from edge.logfile import LogError
from simulators.course import Course
from simulators.fault import Fault
from simulators.lies import Dropout
from simulators.lines import LineForm
from simulators.mqtt_line import MqttLine
from simulators.pump import Pump
from simulators.serial_line import SerialLine
from simulators.spindle import Spindle
from simulators.surroundings import Schedule
from simulators.wear import BearingWear
from store.errors import StoreError
from tocsin.ending import ended
from tocsin.examining.check import checked
from tocsin.options import PROBLEM, USAGE
from tocsin.places import REGISTRY
from tocsin.playing.broker import EmbeddedBroker
from tocsin.playing.demo_hall import CONFIG as HALL
from tocsin.playing.demo_hall import DemoHall
from tocsin.playing.watch import Watch
from tocsin.roles.box import Box, BoxError
from tocsin.roles.journal import begin_log
from tocsin.roles.up import wait
from wire.messages import NS_PER_S
from wire.problem import SettingsError

EVERY_NS = 100_000_000
WEAR_AT_S, WEAR_RAMP_S, WEAR_UNTIL_S = 35, 16, 240
SILENT_AT_S, SILENT_UNTIL_S = 48, 90
START_S, DRAIN_S = 20.0, 20.0

CONFIG = """\
# What `tocsin demo` runs: copy it, change the sources to yours, and start it with `tocsin up`.
site = "demo"

[edge]
name = "demo"

[[edge.sources]]
type = "serial"
port = "pump-1.tty"
device = "pump-1"
baud = 115200
channels = {channels}

[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
version = "3.1.1"

[[edge.sources]]
type = "host"

[[devices]]
match = "pump-1"
every = "100ms"
silent_after = "5s"
running_when = "{running}"
response = "Listen to the bearing and check its grease; plan its replacement before it seizes."
channels.temperature.uom = "°C"
channels.temperature.limits = {{ H = 90, HH = 105, deadband = 2, response = "Check the flow, then stop the pump." }}
channels.vibration_rms = {{ uom = "mm/s" }}
channels.current = {{ uom = "A" }}
channels.pressure = {{ uom = "bar" }}
channels.flow = {{ uom = "l/min" }}

[[devices]]
match = "spindle-1"
every = "1s"                          # a part takes minutes: what is usual is learnt in seconds, not in tenths
silent_after = "5s"

[[devices]]
match = "host"
every = "1s"
channels.disk_used = {{ uom = "%", limits = {{ H = 95, HH = 99, deadband = 1, response = "Free some disk." }} }}
{hall}
[console]
listen = "{listen}"
"""


class Cast(msgspec.Struct, frozen=True):
    """Who plays: two machines with faults; when the pump's begins and passes its stated severity (wall clock)."""

    pump: Fault
    spindle: Fault
    onset_ns: int

    @property
    def fault_ns(self) -> int:
        """When the pump is so worn that a good watcher is expected to ring."""
        stated = self.pump.stated_ns
        assert stated is not None
        return stated


def run(*, headless: bool, for_s: float | None, folder: Path | None, listen: str, seed: int, as_json: bool) -> int:
    """Play until the time is over or a signal comes; returns the exit code."""
    begin_log(30 if as_json or headless else 20)
    os.environ.pop(REGISTRY, None)  # its model is its own, and none of a plant's
    logging.getLogger("tocsin.modelling.shelf").setLevel(logging.ERROR)  # the model is to come, as the page says
    begun_ns = time.time_ns()
    cast = _cast(seed, begun_ns)
    if headless:
        listen = f"127.0.0.1:{_free_port()}"
    try:
        with _folder(folder) as place, ended() as end:
            if for_s is not None:
                _end_later(end, for_s - (time.time_ns() - begun_ns) / NS_PER_S)
            return _play(place, cast, end, listen=listen, begun_ns=begun_ns, told=_Told(headless, as_json, seed))
    except SettingsError as error:  # of all that the demo's own config holds, only --listen comes from outside
        click.echo(f"tocsin: {error}", err=True)
        return USAGE
    except (BoxError, StoreError, LogError, OSError) as error:
        click.echo(f"tocsin: {error}", err=True)
        return PROBLEM


class _Told(msgspec.Struct, frozen=True):
    headless: bool
    as_json: bool
    seed: int


def _cast(seed: int, begun_ns: int) -> Cast:
    pump = Pump("pump-1", seed=seed, schedule=Schedule.ALWAYS)
    spindle = Spindle("spindle-1", seed=seed + 1, schedule=Schedule.ALWAYS)

    def course(at_s: int, ramp_s: int, until_s: int) -> Course:
        at_ns, until_ns = begun_ns + at_s * NS_PER_S, begun_ns + until_s * NS_PER_S
        return Course(onset_ns=at_ns, ramp_ns=ramp_s * NS_PER_S, until_ns=until_ns)

    return Cast(
        pump=BearingWear(pump, course(WEAR_AT_S, WEAR_RAMP_S, WEAR_UNTIL_S)),
        spindle=Dropout(spindle, course(SILENT_AT_S, 0, SILENT_UNTIL_S)),
        onset_ns=begun_ns + WEAR_AT_S * NS_PER_S,
    )


def _play(place: Path, cast: Cast, end: threading.Event, *, listen: str, begun_ns: int, told: _Told) -> int:
    port = _free_port()
    text = CONFIG.format(
        channels=json.dumps(cast.pump.names), broker=port, running=cast.pump.running_when, listen=listen, hall=HALL
    )
    config = place / "tocsin.toml"
    config.write_text(text)
    with ExitStack() as stack:
        stack.enter_context(EmbeddedBroker(port))
        form = LineForm(header_every=0)
        pump = SerialLine(cast.pump, every_ns=EVERY_NS, link=place / "pump-1.tty", form=form, flow_control=True)
        stack.enter_context(pump)
        box = stack.enter_context(Box(checked(config)))
        broker = f"mqtt://127.0.0.1:{port}"
        spindle = MqttLine(cast.spindle, every_ns=EVERY_NS, url=broker)
        url = box.serve()
        watch = stack.enter_context(Watch(box.reader, url=url, begun_ns=begun_ns))
        # A broker keeps nothing for a subscriber that it has never seen.
        if not watch.connected("mqtt-1", within_s=START_S):
            msg = f"nobody listens at the demo's own broker after {START_S:g} s"
            raise BoxError(msg)
        stack.enter_context(spindle)
        hall = stack.enter_context(DemoHall(url=broker, config=config, seed=told.seed))
        if not told.headless:
            click.echo(_welcome(url, place))
        code = wait(box, end)
        pump.hush()
        spindle.hush()
        hall.hush()
        said = {"pump-1": pump.produced, "spindle-1": spindle.produced}
        drained = watch.stored(said, within_s=DRAIN_S) and box.drained(DRAIN_S)
        report = watch.report(said, onset_ns=cast.onset_ns, fault_ns=cast.fault_ns) | {"benches": hall.report()}
    if told.headless or told.as_json:
        click.echo(json.dumps(report) if told.as_json else _lines(report))
    return code if drained else PROBLEM


def _welcome(url: str, place: Path) -> str:
    return (
        f"\n  Tocsin listens to three machines and four test benches:  {url}\n\n"
        f"  now      their normal is being learnt\n"
        f"  {WEAR_AT_S} s     pump-1's bearing begins to wear: it rings within seconds of being half worn\n"
        f"  40 s     the first units of four test benches are through, and a model of their past is trained: see Runs\n"
        f"  {SILENT_AT_S} s     spindle-1 falls silent, and is back {SILENT_UNTIL_S - SILENT_AT_S} s later\n"
        f"  1 min    from now on units that will fail are told to stop, and Runs says what that saves\n"
        f"  {WEAR_UNTIL_S // 60} min    the bearing is replaced: what rang returns to normal\n\n"
        f"  config and data are in {place}; Ctrl-C ends it\n"
    )


def _lines(report: dict[str, object]) -> str:
    return "\n".join(f"{name:16} {value}" for name, value in report.items())


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            msg = f"{folder} is not empty: name another folder for the demo"
            raise BoxError(msg)
        yield folder
        return
    place = Path(tempfile.mkdtemp(prefix="tocsin-demo-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _end_later(end: threading.Event, after_s: float) -> None:
    timer = threading.Timer(max(0.0, after_s), end.set)
    timer.daemon = True
    timer.start()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
