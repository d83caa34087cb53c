"""The commands of the fleet's store: what can be typed, and nothing of how it is done."""

import sys
from pathlib import Path

import click

from tocsin.options import CONFIG, PROBLEM, USAGE, stop
from wire.problem import SettingsError


@click.command()
@CONFIG
@click.option(
    "--vitals",
    default="127.0.0.1:9103",
    show_default=True,
    help="Where /metrics, /healthz and /readyz are served; '' for nowhere.",
)
def sink(*, config: Path, vitals: str) -> None:
    """Store what is on Kafka in InfluxDB; run several, and they share the work.

    Example: TOCSIN_INFLUX_TOKEN_FILE=/run/secrets/influx tocsin sink -c tocsin.toml
    """
    from tocsin.fleet import run  # noqa: PLC0415
    from tocsin.sink_role import sink as role  # noqa: PLC0415

    sys.exit(run(config, role, name="sink", vitals=vitals))


@click.group()
def store() -> None:
    """The fleet's store, InfluxDB."""


@store.command()
@CONFIG
def init(*, config: Path) -> None:
    """Make the bucket and the database of `store` in the config, if they are missing.

    Example: TOCSIN_INFLUX_TOKEN=... tocsin store init -c tocsin.toml
    """
    from store.influx.errors import InfluxError  # noqa: PLC0415
    from store.influx.setup import init as make  # noqa: PLC0415
    from tocsin.check import checked  # noqa: PLC0415
    from tocsin.fleet import RoleError  # noqa: PLC0415
    from tocsin.sink_role import influx_of  # noqa: PLC0415

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
