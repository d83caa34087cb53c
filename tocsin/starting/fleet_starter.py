"""The files that docker-compose.yml needs: two configs to read and change, and `.env` with secrets nobody chose."""

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tocsin.starting.starter import StarterError

COMPOSE, ENV, FLEET, EDGE = "docker-compose.yml", ".env", "tocsin.toml", "edge.toml"
SECRET_BYTES = 24
PRIVATE, READABLE = 0o600, 0o644  # the configs are read by the user of the containers

Token = Callable[[int], str]


class Setting(msgspec.Struct, frozen=True):
    """One line of `.env`; `value` is "" for a secret, which is drawn."""

    name: str
    about: str
    value: str = ""


SETTINGS = (
    Setting("COMPOSE_PROFILES", "Take this line away when real machines are connected.", "simulators"),
    Setting("TOCSIN_TOKEN", "Opens Tocsin's page and its API."),
    Setting("GRAFANA_ADMIN_PASSWORD", "Of the user admin; Grafana takes it at its first start alone."),
    Setting("TOCSIN_INFLUX_TOKEN", "May do everything in InfluxDB, which takes it at its first start alone."),
    Setting("INFLUXDB_ADMIN_PASSWORD", "Of the user admin, for InfluxDB's own page; likewise."),
    Setting("MQTT_USERNAME", "What edge and machines log in with at the MQTT broker.", "tocsin"),
    Setting("MQTT_PASSWORD", "Changed here, it holds from the next start of all that use it."),
)
_ENV_HEAD = """\
# Secrets of this fleet, read by docker compose: they stand in this file alone. Keep it to yourself and back it up.
"""
_FLEET_TEXT = """\
# What stream, sink, archive, serve and keep of the fleet read. Every key is explained in docs/config.md.
# Names of hosts and paths are those inside docker-compose.yml; secrets stand in .env.
site = "my-plant"

bus = "kafka://kafka:9092"
store = "influxdb://influxdb:8086/tocsin?org=tocsin"
registry = "folder:/var/lib/tocsin/models"
archive = "/var/lib/tocsin/archive"     # every row for ever, as Parquet; a URL such as s3://BUCKET/PATH works too

# What is known of devices; "*" matches any name, later tables override earlier ones.
[[devices]]
match = "*"
silent_after = "30s"                    # ring when a device says nothing for so long

# The two machines that docker-compose.yml simulates:
[[devices]]
match = "pump-*"
owner = "maintenance@my-plant"
running_when = "current > 0.5"          # nothing is learnt while the machine is off
response = "Listen to the bearing and check its grease; plan its replacement before it seizes."
[devices.channels.temperature]
uom = "°C"
limits = { H = 90, HH = 105, deadband = 2, response = "Check coolant flow, then stop the pump." }

[[devices]]
match = "spindle-*"
every = "1s"                            # a part takes minutes: what is usual is learnt in seconds, not in tenths

# A model that was trained (docs/models.md) and that `keep` looks after; devices name it by model = "pump":
# [[models]]
# name = "pump"
# recipe = "skab"                       # one that is shipped, or a file beside this one
# retrain = ["drift", "labels"]
# promote = "hand"                      # or "gate": what passes it is let in by itself

[retention]
readings = "90d"                        # of the bucket that `tocsin store init` makes; later, change the bucket
scores = "90d"

[console]
listen = "0.0.0.0:8765"                 # of its container; docker-compose.yml publishes it on 127.0.0.1 alone
"""
_EDGE_TEXT = """\
# What the edge beside the fleet reads. An edge on a machine in the plant has a file like this of its own,
# with another name and the address at which that machine reaches Kafka.
site = "my-plant"
bus = "kafka://kafka:9092"

[edge]
name = "edge-1"
outbox = "/var/lib/tocsin/outbox/outbox.sqlite"
outbox_bytes = "2GB"                    # the most disk that waiting input may take

# The MQTT broker of docker-compose.yml: plant/DEVICE/CHANNEL with a number, or plant/DEVICE with JSON.
[[edge.sources]]
type = "mqtt"
url = "mqtt://mosquitto:1883"
topics = ["plant/#"]
pattern = "plant/{device}/{channel}"
username_env = "MQTT_USERNAME"
password_env = "MQTT_PASSWORD"

# A serial line of this host; name it under `devices` of the edge in docker-compose.yml as well.
# [[edge.sources]]
# type = "serial"
# port = "/dev/ttyUSB0"
# baud = 9600
# format = "csv"                        # csv | json | regex
# device = "press-1"
# channels = []                         # names of the columns; empty: the device sends a header line
"""


def write_fleet(config: Path, *, force: bool = False, token: Token = secrets.token_hex) -> str:
    """Write the files beside docker-compose.yml and return what to type next; never over a file unless forced.

    Forced, it keeps the secrets that `.env` holds: InfluxDB and Grafana have taken them, and forget them only with
    their data. What is returned holds no secret. Raises StarterError.
    """
    folder = config.parent
    _fits(config)
    files = {name: folder / name for name in (FLEET, EDGE, ENV)}
    there = [path for path in files.values() if path.exists()]
    if there and not force:
        msg = f"{' and '.join(map(str, there))} exist: edit them, or write over all with --force, which keeps secrets"
        raise StarterError(msg)
    try:
        kept = _values(files[ENV].read_text(encoding="utf-8")) if files[ENV].exists() else {}
        _put(files[FLEET], _FLEET_TEXT, READABLE)
        _put(files[EDGE], _EDGE_TEXT, READABLE)
        _put(files[ENV], env_text(kept, token), PRIVATE)
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the files of the fleet cannot be written: {error}"
        raise StarterError(msg) from error
    return "\n".join([f"wrote {files[FLEET]}, {files[EDGE]} and {files[ENV]}, which only you can read", *_next(folder)])


def env_text(kept: Mapping[str, str], token: Token = secrets.token_hex) -> str:
    """The text of `.env`, with the values that are kept and new secrets for the others.

    >>> env_text({"MQTT_PASSWORD": "old"}, lambda size: "new").splitlines()[-1]
    'MQTT_PASSWORD=old'
    """
    entries = [(each, kept.get(each.name) or each.value or token(SECRET_BYTES)) for each in SETTINGS]
    return _ENV_HEAD + "".join(f"\n# {each.about}\n{each.name}={value}\n" for each, value in entries)


def _fits(config: Path) -> None:
    if config.name != FLEET:
        msg = f"{COMPOSE} reads {FLEET}, so a fleet's config cannot be called {config.name}"
        raise StarterError(msg)
    if not (config.parent / COMPOSE).is_file():
        msg = f"there is no {COMPOSE} in {config.parent.absolute()}: run this in the checkout of Tocsin"
        raise StarterError(msg)


def _values(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def _put(path: Path, text: str, mode: int) -> None:
    """Write a file whole or not at all; nobody reads a private one meanwhile."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w", encoding="utf-8") as file:
        file.write(text)
    beside.chmod(mode)
    os.replace(beside, path)  # noqa: PTH105 -- one step, whole or not at all


def _next(folder: Path) -> list[str]:
    where = "" if folder == Path() else f"cd {folder} && "
    return [
        f"next:  {where}docker compose up --detach --build",
        "       http://127.0.0.1:8765  Tocsin's page, with TOCSIN_TOKEN of .env",
        "       http://127.0.0.1:3000  Grafana, as admin with GRAFANA_ADMIN_PASSWORD of .env",
    ]
