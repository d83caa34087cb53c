"""Commands about records: replay, alarms; imports no room until it must."""

import json
from pathlib import Path

import click

from tocsin.options import AS_JSON, CONFIG, PROBLEM, USAGE, stop


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--device", required=True, help="The device these rows belong to.")
@click.option("--speed", default=0.0, show_default=True, help="1 = as recorded, 10 = ten times faster, 0 = at once.")
@click.option("--time", "time_field", default="time", show_default=True, help="The column that holds the time.")
@click.option("--separator", default=",", show_default=True)
@click.option("--ignore", multiple=True, help="A column that is no channel; may be given again.")
@CONFIG
@AS_JSON
def replay(
    *,
    file: Path,
    device: str,
    speed: float,
    time_field: str,
    separator: str,
    ignore: tuple[str, ...],
    config: Path,
    as_json: bool,
) -> None:
    """Play a recorded CSV as if it happened again, and see what would have rung.

    Example: tocsin replay may.csv --device pump-1
    """
    from tocsin.playing.replay import ReplayError, play  # noqa: PLC0415

    try:
        play(
            file,
            device=device,
            speed=speed,
            time_field=time_field,
            separator=separator,
            ignore=ignore,
            config=config,
            as_json=as_json,
        )
    except ReplayError as error:
        stop(str(error), USAGE)


@click.group()
def alarms() -> None:
    """See alarms and answer them.

    Example: tocsin alarms list
    """


@alarms.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that are over and answered.")
@CONFIG
@AS_JSON
def list_alarms(*, every: bool, config: Path, as_json: bool) -> None:
    """List the alarms that need a person.

    Example: tocsin alarms list
    """
    from tocsin.reaching.answer import listed  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError  # noqa: PLC0415

    try:
        found = listed(config, active=not every)
    except ReachError as error:
        stop(str(error), error.code)
    if as_json:
        click.echo(json.dumps(found))
        return
    for alarm in found:
        click.echo(f"{alarm['id']}  {alarm['priority']:8}  {alarm['state']:24}  {alarm['summary']}")
    if not found:
        click.echo("no alarm needs a person")


@alarms.command()
@click.argument("alarm")
@click.option("--who", required=True, help="Your name; kept with the answer.")
@click.option("--why", default="", help="A comment, if there is something to say.")
@CONFIG
def ack(*, alarm: str, who: str, why: str, config: Path) -> None:
    """Acknowledge an alarm by its id.

    Example: tocsin alarms ack 5f3a9c --who Ada
    """
    from tocsin.reaching.answer import AnswerError, acknowledge  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError  # noqa: PLC0415

    try:
        click.echo(acknowledge(config, alarm, who=who, why=why))
    except AnswerError as error:
        stop(str(error), PROBLEM)
    except ReachError as error:
        stop(str(error), error.code)
