"""The command of the archive's role: what can be typed, and nothing of how it is done."""

import json
import sys
from functools import partial
from pathlib import Path

import click

from tocsin.options import AS_JSON, CONFIG, INSTANCE, OK, PROBLEM, stop
from tocsin.options import vitals as vitals_option


@click.command()
@CONFIG
@INSTANCE
@vitals_option(9104)
@click.option("--check", "checks", is_flag=True, help="Compare the archive with its manifest instead, and end.")
@click.option("--deep", is_flag=True, help="With --check: read every file too.")
@AS_JSON
def archive(*, config: Path, instance: str, vitals: str, checks: bool, deep: bool, as_json: bool) -> None:
    """Keep every input of the bus as Parquet files, for ever.

    \b
    Example: tocsin archive -c tocsin.toml
             tocsin archive --check --deep
    """  # noqa: D301 -- click reads the mark
    if checks:
        check(config, deep=deep, as_json=as_json)
        return
    from tocsin.roles.archive import archive as role  # noqa: PLC0415
    from tocsin.roles.fleet import run  # noqa: PLC0415

    sys.exit(run(config, partial(role, instance=instance), name="archive", vitals=vitals))


def check(config: Path, *, deep: bool, as_json: bool) -> None:
    """Say what an archive holds and what is wrong with it; ends with 1 if anything is."""
    import msgspec  # noqa: PLC0415

    from store.archive.audit import audit  # noqa: PLC0415
    from store.archive.errors import ArchiveError  # noqa: PLC0415
    from store.archive.place import place  # noqa: PLC0415
    from tocsin.places import archive_root  # noqa: PLC0415
    from tocsin.reaching.reach import WrongConfigError, configured  # noqa: PLC0415

    try:
        root = archive_root(configured(config))
        found = audit(place(root), deep=deep)
    except WrongConfigError as error:
        stop(str(error), error.code)
    except ArchiveError as error:
        stop(str(error), PROBLEM)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(found)))
    else:
        click.echo(
            f"{root}: {found.rows} rows, {found.values} values and {found.events} events in {found.files} files "
            f"({found.bytes / 1e6:.1f} MB) of {found.cuts} cuts of {found.partitions} partitions"
        )
        click.echo(
            f"of {found.records} records {found.batches} were batches, {found.resent} came again, "
            f"{found.unreadable} could not be read; {found.open_records} wait for the end of their cut"
        )
        for sentence in found.problems:
            click.echo(f"BAD  {sentence}")
    sys.exit(PROBLEM if found.problems else OK)
