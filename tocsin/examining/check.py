"""Everything that is wrong with a config, also what only this machine can tell: files, variables, conditions."""

import ipaddress
import os
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

from bus.address import parse
from tocsin.places import is_fleet
from wire.config import Config, MqttSource, ReplaySource, source_names
from wire.ports import BusError
from wire.problem import Problem, SettingsError
from wire.settings import Loaded, load

TOKEN = "TOCSIN_TOKEN"  # noqa: S105 -- the name of the variable
TOKEN_MIN = 16


def checked(path: Path, *, environ: Mapping[str, str] = os.environ) -> Loaded:
    """A config file that can be run here. Raises SettingsError with all that is wrong."""
    return load(path, checks=(partial(problems, folder=path.absolute().parent, environ=environ),))


def check(path: Path, *, environ: Mapping[str, str] = os.environ) -> list[Problem]:
    """All problems of a config file, none if it can be run here just as it says.

    A model that is not to be had is one, though a box runs without it: its devices are watched by another then.
    """
    try:
        loaded = checked(path, environ=environ)
        load(path, checks=(lambda _: [*_models(loaded), *_recipes(loaded)],))
    except SettingsError as error:
        return list(error.problems)
    return []


def problems(config: Config, *, folder: Path, environ: Mapping[str, str]) -> list[Problem]:
    """What is wrong with a config whose every value is right by itself."""
    loaded = Loaded(config=config, folder=folder)
    return list(
        chain(
            _files(loaded),
            _variables(config, environ),
            _bus(config, environ),
            _conditions(config),
            _console(config, environ),
        )
    )


def _files(loaded: Loaded) -> Iterator[Problem]:
    for place, source in enumerate(loaded.config.edge.sources):
        keys: tuple[str, ...] = ()
        if isinstance(source, MqttSource):
            keys = ("ca_file", "cert_file", "key_file")
        elif isinstance(source, ReplaySource):
            keys = ("path",)
        for key in keys:
            written = str(getattr(source, key))
            if written and not (path := loaded.path(written)).is_file():
                yield Problem(key=f"edge.sources[{place}].{key}", what=f"there is no file {path}")


def _variables(config: Config, environ: Mapping[str, str]) -> Iterator[Problem]:
    names = source_names(config.edge)
    for place, source in enumerate(config.edge.sources):
        if isinstance(source, MqttSource):
            for key in ("username_env", "password_env"):
                variable = str(getattr(source, key))
                if variable and not environ.get(variable):
                    what = f"the environment variable {variable} is not set, and {names[place]} needs it to log in"
                    yield Problem(key=f"edge.sources[{place}].{key}", what=what)


def _bus(config: Config, environ: Mapping[str, str]) -> Iterator[Problem]:
    if not is_fleet(config):
        if not config.store.startswith("duckdb:"):
            what = f'a box keeps its rows in a file, as "duckdb:data/tocsin.duckdb"; got {config.store!r}'
            yield Problem(key="store", what=f'{what}, which is for a fleet: bus = "kafka://HOST:9092"')
        return
    try:
        address = parse(config.bus, environ)
    except BusError as error:
        yield Problem(key="bus", what=str(error).removeprefix("bus: "))
    else:
        for written in filter(None, (address.ca_file, address.cert_file, address.key_file)):
            if not Path(written).is_file():
                yield Problem(key="bus", what=f"there is no file {Path(written).absolute()}")
    if find_spec("confluent_kafka") is None:
        yield Problem(key="bus", what="Kafka's client is not installed: pip install 'tocsin[bus]'")


def _conditions(config: Config) -> Iterator[Problem]:
    if find_spec("numpy") is None:  # an edge alone neither scores nor reads conditions
        return
    from stream.devices.running import RunningError  # noqa: PLC0415 -- see above
    from stream.devices.running import parse as parse_condition  # noqa: PLC0415

    for place, rule in enumerate(config.devices):
        if rule.running_when is not None:
            try:
                parse_condition(rule.running_when)
            except RunningError as error:
                what = f'{error}; write comparisons joined by and/or, such as "current > 0.5 and speed >= 10"'
                yield Problem(key=f"devices[{place}].running_when", what=what)


def _models(loaded: Loaded) -> Iterator[Problem]:
    if find_spec("numpy") is None:  # as for conditions
        return
    from stream.models.detectors import models_named  # noqa: PLC0415
    from tocsin.modelling.shelf import champions  # noqa: PLC0415

    missing = champions(loaded).missing
    for name, key in models_named(loaded.config).items():
        if name in missing:
            instead = "the self-learning detector watches" if key.startswith("devices") else "data is collected"
            yield Problem(key=key, what=f"{missing[name]}; until there is such a model {instead}")


def _recipes(loaded: Loaded) -> Iterator[Problem]:
    """What models would be trained anew by; a box runs without it, and no training would ever come to an end."""
    if find_spec("numpy") is None:  # as for conditions
        return
    from models.recipe import RecipeError  # noqa: PLC0415
    from models.recipe import load as recipe  # noqa: PLC0415

    for place, rule in enumerate(loaded.config.models):
        beside = loaded.path(rule.recipe)
        try:
            recipe(beside if beside.is_file() else rule.recipe)
        except RecipeError as error:
            yield Problem(key=f"models[{place}].recipe", what=str(error))


def _console(config: Config, environ: Mapping[str, str]) -> Iterator[Problem]:
    for key, listen in (("console.listen", config.console.listen), ("edge.listen", config.edge.listen)):
        host = listen.rpartition(":")[0].strip("[]")
        if listen and not _is_loopback(host) and len(environ.get(TOKEN, "")) < TOKEN_MIN:
            token = f"a token of at least {TOKEN_MIN} characters"
            what = f"{host} can be reached from other machines: set {token} in the environment variable {TOKEN}"
            yield Problem(key=key, what=f'{what}, or listen on "127.0.0.1"')


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
