"""Commands that keep models good: watch, retrain; imports no room until it must."""

import json
from pathlib import Path

import click

from tocsin.commands.explained import explained
from tocsin.commands.models import models
from tocsin.options import AS_JSON, CONFIG, PROBLEM, stop


@models.command()
@click.argument("name")
@CONFIG
@AS_JSON
def watch(*, name: str, config: Path, as_json: bool) -> None:
    """Look whether what comes to a model, and from it, is still as in its training; exit code 1 if it is not.

    Of every device that NAME watches: each channel and the scores against blocks of the training rows, what is
    missing, how many scores are beyond the threshold, alarms against verdicts, chances against outcomes. Of a box that
    runs, it is what its keeper found last.

    \b
    Example: tocsin models watch pump
             tocsin models watch pump -c hall-3.toml --json
    """  # noqa: D301 -- click reads the mark
    import msgspec  # noqa: PLC0415

    from tocsin.commands.model_tables import columns  # noqa: PLC0415
    from tocsin.keeping.asking import AskingError, looked  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError, configured  # noqa: PLC0415

    try:
        with explained():
            page = looked(configured(config), name)
    except (AskingError, ReachError) as error:
        stop(str(error), error.code)
    if as_json:
        click.echo(msgspec.json.encode(page).decode())
    elif page.unwatched:
        click.echo(f"{name} is not watched: {page.unwatched}")
    elif not page.looked:
        click.echo(f"no device or procedure of the config is watched by {name}")
    else:
        rows = [[each.device, "DRIFT" if each.stands else "ok", f"{each.share:.0%}", each.says] for each in page.looked]
        click.echo(f"{name}@{page.version}\n{columns([['device', 'is', 'of limit', 'found'], *rows])}")
    if page.unwatched or any(each.stands for each in page.looked):
        raise SystemExit(PROBLEM)


@models.command()
@click.argument("name")
@CONFIG
@AS_JSON
def retrain(*, name: str, config: Path, as_json: bool) -> None:
    """Train NAME anew by its [[models]] of the config, from what the store holds; the new version is its candidate.

    It works in a process of its own, last in line for the processor and within the `memory` of its rule. Rows that
    people labelled as odd or as maintenance, and those under alarms that nobody judged, are left out of what is normal.

    \b
    Example: tocsin models retrain pump
             tocsin models retrain pump -c hall-3.toml --json
    """  # noqa: D301 -- click reads the mark
    from tocsin.keeping.asking import AskingError, retrained  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError, configured  # noqa: PLC0415

    try:
        with explained():
            page = retrained(configured(config), name, lambda words: click.echo(words, err=True))
    except (AskingError, ReachError) as error:
        stop(str(error), error.code)
    last = page.last
    assert last is not None
    if as_json:
        told = {"model": name, "version": last.version, "ended": last.ended, "says": last.says}
        click.echo(json.dumps(told))
    elif last.version:
        click.echo(f"{name}@{last.version}: {last.says}")
    else:
        click.echo(f"{name} was not trained: {last.says}", err=True)
    if last.ended == "failed":
        raise SystemExit(PROBLEM)
