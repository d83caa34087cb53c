"""The commands of the fleet's store: what can be typed, and nothing of how it is done."""

import sys
from functools import partial
from pathlib import Path

import click

from tocsin.options import CONFIG, INSTANCE, PROBLEM, USAGE, stop
from tocsin.options import vitals as vitals_option
from wire.problem import SettingsError


@click.command()
@CONFIG
@INSTANCE
@vitals_option(9103)
def sink(*, config: Path, instance: str, vitals: str) -> None:
    """Store what is on Kafka in InfluxDB; run several, and they share the work.

    The token is taken from TOCSIN_INFLUX_TOKEN, or from the file that TOCSIN_INFLUX_TOKEN_FILE names.

    Example: tocsin sink -c tocsin.toml
    """
    from tocsin.roles.fleet import run  # noqa: PLC0415
    from tocsin.roles.sink import sink as role  # noqa: PLC0415

    sys.exit(run(config, partial(role, instance=instance), name="sink", vitals=vitals))


@click.group()
def store() -> None:
    """Set up the fleet's store, InfluxDB.

    Example: tocsin store init
    """


@store.command()
@CONFIG
def init(*, config: Path) -> None:
    """Make the bucket and the database of `store` in the config, if they are missing.

    Example: tocsin store init -c tocsin.toml
    """
    from store.influx.errors import InfluxError  # noqa: PLC0415
    from store.influx.setup import init as make  # noqa: PLC0415
    from tocsin.examining.check import checked  # noqa: PLC0415
    from tocsin.roles.fleet import RoleError  # noqa: PLC0415
    from tocsin.roles.sink import influx_of  # noqa: PLC0415

    try:
        loaded = checked(config)
        address = influx_of(loaded)
    except (SettingsError, RoleError) as error:
        stop(str(error), USAGE)
    try:
        for sentence in make(address, loaded.config.retention):
            click.echo(sentence)
    except InfluxError as error:
        stop(str(error), PROBLEM)
