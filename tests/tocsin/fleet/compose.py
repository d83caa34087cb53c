"""docker-compose.yml as structs that know every key it uses, with its variables put in; runs nothing."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from tocsin.starting.fleet_starter import COMPOSE

ROOT = Path(__file__).parents[3]
VARIABLE = re.compile(r"\$\$|\$\{(\w+):\?[^}]+\}")


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the file; a key that nobody knows is an error."""


class Bind(_Strict, frozen=True):
    create_host_path: bool = True


class VolumeOptions(_Strict, frozen=True):
    nocopy: bool = False


class Mount(_Strict, frozen=True):
    type: Literal["bind", "volume"]
    source: str
    target: str
    read_only: bool = False
    bind: Bind = Bind()
    volume: VolumeOptions = VolumeOptions()


class Health(_Strict, frozen=True):
    test: tuple[str, ...]
    interval: str
    timeout: str
    retries: int
    start_period: str


class Build(_Strict, frozen=True):
    context: str
    target: str


class Wait(_Strict, frozen=True):
    condition: Literal["service_healthy", "service_completed_successfully"]


class Log(_Strict, frozen=True):
    driver: str
    options: Mapping[str, str]


class Service(_Strict, frozen=True, kw_only=True):
    image: str
    user: str
    restart: Literal["unless-stopped", "no"]
    logging: Log
    cap_drop: tuple[str, ...]
    security_opt: tuple[str, ...]
    build: Build | None = None
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    volumes: tuple[str | Mount, ...] = ()
    ports: tuple[str, ...] = ()
    depends_on: Mapping[str, Wait] = {}
    healthcheck: Health | None = None
    profiles: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    init: bool = False
    read_only: bool = False
    stop_grace_period: str = "10s"

    @property
    def ours(self) -> bool:
        """Whether it runs the tocsin command."""
        return self.build is not None

    @property
    def words(self) -> tuple[str, ...]:
        """What is typed after `tocsin`; for another's image, nothing."""
        return self.command[self.command.index("tocsin") + 1 :] if self.ours else ()

    @property
    def once(self) -> bool:
        """Whether it ends when its work is done."""
        return self.restart == "no"

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """Every volume and bind, the short form read as docker reads it."""
        return tuple(_mount(each) if isinstance(each, str) else each for each in self.volumes)


class File(_Strict, frozen=True):
    name: str
    services: Mapping[str, Service]
    volumes: Mapping[str, None]


def text() -> str:
    return (ROOT / COMPOSE).read_text(encoding="utf-8")


def variables() -> set[str]:
    """Every variable that the file takes from `.env`."""
    return {name for name in VARIABLE.findall(text()) if name}


def read(environ: Mapping[str, str]) -> File:
    """The file with variables put in; extension fields are read where they are merged."""
    raw = _filled(yaml.safe_load(text()), environ)
    assert isinstance(raw, dict)
    return msgspec.convert({key: value for key, value in raw.items() if not key.startswith("x-")}, File)


def _filled(value: object, environ: Mapping[str, str]) -> object:
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: environ[found[1]] if found[1] else "$", value)
    if isinstance(value, list):
        return [_filled(each, environ) for each in value]
    if isinstance(value, dict):
        return {key: _filled(each, environ) for key, each in value.items()}
    return value


def _mount(short: str) -> Mount:
    source, target, *mode = short.split(":")
    return Mount(type="volume", source=source, target=target, read_only=mode == ["ro"])
