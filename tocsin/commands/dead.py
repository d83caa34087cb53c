"""The commands about dead letters: what can be typed, and nothing of how it is done."""

import json
from pathlib import Path

import click

from tocsin.options import AS_JSON, CONFIG, PROBLEM, stop
from wire.ports import BusError


@click.group()
def dead() -> None:
    """See what nobody could decode, score or store, and give it in again.

    Example: tocsin dead list
    """


@dead.command("list")
@click.option("--limit", default=100, show_default=True, help="The newest so many.")
@CONFIG
@AS_JSON
def list_dead(*, limit: int, config: Path, as_json: bool) -> None:
    """List dead letters, newest first.

    Example: tocsin dead list --limit 20
    """
    from tocsin.reaching.dead import DeadError, letters  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError  # noqa: PLC0415

    try:
        found = letters(config, limit=limit)
    except (DeadError, ReachError) as error:
        stop(str(error), error.code)
    except BusError as error:
        stop(str(error), PROBLEM)
    if as_json:
        click.echo(json.dumps([one.told() for one in found]))
        return
    for one in found:
        click.echo(str(one))
    if not found:
        click.echo("there are no dead letters")


@dead.command()
@click.argument("letter")
@CONFIG
@AS_JSON
def show(*, letter: str, config: Path, as_json: bool) -> None:
    """Show one dead letter whole, its bytes in hexadecimal.

    Example: tocsin dead show 3-17
    """
    from tocsin.reaching.dead import DeadError, letter_of  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError  # noqa: PLC0415

    try:
        told = letter_of(config, letter).told()
    except (DeadError, ReachError) as error:
        stop(str(error), error.code)
    except BusError as error:
        stop(str(error), PROBLEM)
    if as_json:
        click.echo(json.dumps(told))
        return
    for name, value in told.items():
        click.echo(f"{name:<8} {value}")


@dead.command()
@click.argument("letter")
@CONFIG
def retry(*, letter: str, config: Path) -> None:
    """Give the input behind a dead letter in again, as it came.

    Example: tocsin dead retry 3-17
    """
    from tocsin.reaching.dead import DeadError  # noqa: PLC0415
    from tocsin.reaching.dead import retry as again  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError  # noqa: PLC0415

    try:
        click.echo(again(config, letter))
    except (DeadError, ReachError) as error:
        stop(str(error), error.code)
    except BusError as error:
        stop(str(error), PROBLEM)
