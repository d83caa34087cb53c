"""`tocsin data catalogue` and `tocsin data lineage`: what can be typed, and nothing of how it is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.options import AS_JSON, CONFIG, PROBLEM, stop

if TYPE_CHECKING:
    from tocsin.reaching.access import Access


@contextmanager
def asked(config: Path) -> Iterator["Access"]:
    """Who answers for a config, or a sentence and an exit code."""
    from tocsin.reaching.catalogue import accessed  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError, configured  # noqa: PLC0415

    try:
        with accessed(configured(config)) as access:
            yield access
    except ReachError as error:
        stop(str(error), error.code)


@click.command()
@CONFIG
@AS_JSON
def catalogue(*, config: Path, as_json: bool) -> None:
    """List data sets, channels, features, models and labels, with owner, source, time range, count and digest.

    Example: tocsin data catalogue --json
    """
    import msgspec  # noqa: PLC0415

    from tocsin.commands.data_tables import shown  # noqa: PLC0415

    with asked(config) as access:
        found = access.catalogue()
    click.echo(msgspec.json.encode(found).decode() if as_json else shown(found))


@click.command()
@click.argument("of")
@CONFIG
@AS_JSON
def lineage(*, of: str, config: Path, as_json: bool) -> None:
    """Say what OF was made from and everything that was made from it.

    OF is an alarm's id, MODEL@VERSION, a device, a procedure, a run, a label's id, or a file by its name or the
    beginning of its digest; "device:NAME" says which is meant where names are alike.

    \b
    Example: tocsin data lineage 5f3a9c01
             tocsin data lineage pump@2
             tocsin data lineage may.csv
    """  # noqa: D301 -- click reads the mark
    import msgspec  # noqa: PLC0415

    from models.catalogue.lineage import UnknownThingError  # noqa: PLC0415
    from tocsin.commands.data_tables import traced  # noqa: PLC0415

    with asked(config) as access:
        try:
            found = access.lineage(of)
        except UnknownThingError as error:
            stop(str(error), PROBLEM)
    click.echo(msgspec.json.encode(found).decode() if as_json else traced(found))
