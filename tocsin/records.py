"""Commands about machines and records: simulate, replay, alarms; imports no room until it must."""

import json
from pathlib import Path

import click

from tocsin.options import AS_JSON, CONFIG, PROBLEM, USAGE, Duration, stop


def _faults(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:  # noqa: FBT001 -- click's own order
    if asked:
        from tocsin.simulate import faults  # noqa: PLC0415

        click.echo(faults())
        ctx.exit()


@click.command()
@click.argument("kind", type=click.Choice(["pump", "spindle"]))
@click.option("--to", "target", default="stdout", show_default=True, help="stdout, serial:PATH or mqtt://HOST:PORT")
@click.option("--every", "every_s", type=Duration(), default="1s", show_default=True, help="Time between rows.")
@click.option("--for", "for_s", type=Duration(), default=None, help="End after this long.")
@click.option("--fault", default="", help="A fault, e.g. bearing-wear; see --faults.")
@click.option("--at", "at_s", type=Duration(), default="60s", show_default=True, help="When the fault begins.")
@click.option("--ramp", "ramp_s", type=Duration(), default="60s", show_default=True, help="How long it grows.")
@click.option("--device", default="", help="The device's name.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another machine.")
@click.option("--faults", is_flag=True, is_eager=True, expose_value=False, callback=_faults, help="List the faults.")
def simulate(
    *,
    kind: str,
    target: str,
    every_s: float,
    for_s: float | None,
    fault: str,
    at_s: float,
    ramp_s: float,
    device: str,
    seed: int,
) -> None:
    """Be a machine: speak its readings on a serial line, over MQTT or to stdout.

    A broker that wants a login is given MQTT_USERNAME and MQTT_PASSWORD of the environment.

    \b
    Example: tocsin simulate pump --to serial:/tmp/pump --every 100ms --fault bearing-wear
    """  # noqa: D301 -- click reads the mark
    from tocsin.simulate import SimulateError, speak  # noqa: PLC0415

    try:
        speak(
            kind,
            target=target,
            every_s=every_s,
            for_s=for_s,
            fault=fault,
            at_s=at_s,
            ramp_s=ramp_s,
            device=device,
            seed=seed,
        )
    except SimulateError as error:
        stop(str(error), USAGE)


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
    from tocsin.replay import ReplayError, play  # noqa: PLC0415

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
    from tocsin.answer import listed  # noqa: PLC0415
    from tocsin.reach import ReachError  # noqa: PLC0415

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
    from tocsin.answer import AnswerError, acknowledge  # noqa: PLC0415
    from tocsin.reach import ReachError  # noqa: PLC0415

    try:
        click.echo(acknowledge(config, alarm, who=who, why=why))
    except AnswerError as error:
        stop(str(error), PROBLEM)
    except ReachError as error:
        stop(str(error), error.code)
