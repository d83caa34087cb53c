"""The commands of a fleet's roles: what can be typed, and nothing of how it is done."""

import os
import sys
from functools import partial
from pathlib import Path

import click

from tocsin.options import CONFIG, INSTANCE, PROBLEM, USAGE, stop
from tocsin.options import vitals as vitals_option
from wire.ports import BusError
from wire.problem import SettingsError
from wire.topics import DEFAULT_PARTITIONS


@click.command()
@CONFIG
@vitals_option(9101)
def edge(*, config: Path, vitals: str) -> None:
    """Read the sources into an outbox on disk, and pass it on to Kafka.

    Example: tocsin edge -c tocsin.toml
    """
    from tocsin.roles.edge import edge as role  # noqa: PLC0415
    from tocsin.roles.fleet import run  # noqa: PLC0415

    sys.exit(run(config, role, name="edge", vitals=vitals))


def create_topics(config: Path, *, partitions: int, replicas: int) -> None:
    """Make the topics of a fleet, or say in words what is wrong with those that are there."""
    from bus.topics import Topics, layouts  # noqa: PLC0415
    from tocsin.examining.check import checked  # noqa: PLC0415
    from tocsin.roles.fleet import address_of  # noqa: PLC0415

    try:
        address = address_of(checked(config, environ=os.environ))
    except (SettingsError, BusError) as error:
        stop(str(error), USAGE)
    try:
        made = Topics(address).create(layouts(partitions), replicas=replicas)
    except BusError as error:
        stop(str(error), PROBLEM)
    click.echo(f"made {', '.join(made)}" if made else "all topics are there and right")


@click.command()
@CONFIG
@click.option("--create-topics", "creates", is_flag=True, help="Make the topics that are missing, and end.")
@click.option("--partitions", default=DEFAULT_PARTITIONS, show_default=True, help="Of each topic, for life.")
@click.option("--replicas", default=1, show_default=True, help="Copies of each topic that is made.")
@INSTANCE
@vitals_option(9102)
def stream(*, config: Path, creates: bool, partitions: int, replicas: int, instance: str, vitals: str) -> None:
    """Score what comes over Kafka, as one of any number of workers.

    \b
    Example: tocsin stream --create-topics
             tocsin stream -c tocsin.toml --instance worker-1
    """  # noqa: D301 -- click reads the mark
    if creates:
        create_topics(config, partitions=partitions, replicas=replicas)
        return
    from tocsin.roles.fleet import run  # noqa: PLC0415
    from tocsin.roles.stream import stream as role  # noqa: PLC0415

    sys.exit(run(config, partial(role, instance=instance), name="stream", vitals=vitals))


@click.command()
@CONFIG
def serve(*, config: Path) -> None:
    """Serve the page and the API of a fleet, on `console.listen`, with /healthz, /readyz and /metrics.

    On another address than loopback only who knows TOCSIN_TOKEN comes in.

    Example: tocsin serve -c tocsin.toml
    """
    from tocsin.roles.fleet import run  # noqa: PLC0415
    from tocsin.roles.serve import serve as role  # noqa: PLC0415

    sys.exit(run(config, role, name="serve", vitals=""))


@click.command()
@CONFIG
@vitals_option(9105)
def keep(*, config: Path, vitals: str) -> None:
    """Keep the models of a fleet good: watch them, train them anew and let the better one in, by `[[models]]`.

    It needs the registry and some processor time. One is at work at a time; another one that is started stands by.

    Example: tocsin keep -c tocsin.toml
    """
    from tocsin.roles.fleet import run  # noqa: PLC0415
    from tocsin.roles.keep import keep as role  # noqa: PLC0415

    sys.exit(run(config, role, name="keep", vitals=vitals))
