"""The `tocsin` command: what can be typed, and nothing of how it is done; imports no room until it must."""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import click

OK, PROBLEM, USAGE = 0, 1, 2
CONFIG = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("tocsin.toml"),
    show_default=True,
    help="The one config file.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


class Duration(click.ParamType[float]):
    """Seconds, written "90s", "15m" or "2h"."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a duration into seconds."""
        from wire.units import duration_ns  # noqa: PLC0415

        if isinstance(value, int | float):
            return float(value)
        try:
            return duration_ns(str(value)) / 1e9
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("tocsin"), prog_name="tocsin")
def cli() -> None:
    r"""Listen to machines and ring before they fail.

    \b
    tocsin demo     watch machines wear out and ring
    tocsin init     write a first tocsin.toml from what is connected here
    tocsin up       run it
    """


@cli.command()
@click.option("--headless", is_flag=True, help="No page to look at; print what happened at the end.")
@click.option("--for", "for_s", type=Duration(), default=None, help="End by itself after this long, e.g. 60s.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the demo's data here.")
@click.option("--listen", default="127.0.0.1:8765", show_default=True, help="Where the page is served.")
@click.option("--seed", default=1, show_default=True, help="Another seed, other machines.")
@AS_JSON
def demo(*, headless: bool, for_s: float | None, folder: Path | None, listen: str, seed: int, as_json: bool) -> None:
    r"""Watch a pump, a spindle and this machine; one wears out and rings.

    \b
    Example: tocsin demo
             tocsin demo --headless --for 60s --json
    """
    from tocsin.demo import run  # noqa: PLC0415

    sys.exit(run(headless=headless, for_s=for_s, folder=folder, listen=listen, seed=seed, as_json=as_json))


@cli.command()
@CONFIG
@click.option("--no-page", is_flag=True, help="Serve neither page nor API.")
def up(*, config: Path, no_page: bool) -> None:
    """Run the box: sources, log, scoring, store and page in one process.

    Example: tocsin up -c tocsin.toml
    """
    from tocsin.run import up as run_up  # noqa: PLC0415

    sys.exit(run_up(config, page=not no_page))


@cli.command()
@CONFIG
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(*, config: Path, force: bool) -> None:
    """Write a commented tocsin.toml from what is connected to this machine.

    Example: tocsin init && tocsin up
    """
    from tocsin.starter import StarterError, write  # noqa: PLC0415

    try:
        click.echo(write(config, force=force))
    except StarterError as error:
        _stop(str(error), USAGE)


@cli.command()
@CONFIG
@AS_JSON
def check(*, config: Path, as_json: bool) -> None:
    """Say everything that is wrong with the config, at once.

    Example: tocsin check -c tocsin.toml
    """
    from tocsin.check import check as problems_of  # noqa: PLC0415

    problems = problems_of(config)
    if as_json:
        click.echo(json.dumps([str(problem) for problem in problems]))
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
        if not problems:
            click.echo(f"{config}: all is well")
    sys.exit(USAGE if problems else OK)


@cli.command()
@CONFIG
@AS_JSON
def doctor(*, config: Path, as_json: bool) -> None:
    """Look for what is wrong with a box, running or stopped, and check that its accounts add up.

    Example: tocsin doctor
    """
    from tocsin.doctor import examine  # noqa: PLC0415

    findings = examine(config)
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings]))
    else:
        for finding in findings:
            click.echo(str(finding))
    sys.exit(PROBLEM if any(finding.bad for finding in findings) else OK)


def _faults(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:  # noqa: FBT001 -- click's own order
    if asked:
        from tocsin.simulate import faults  # noqa: PLC0415

        click.echo(faults())
        ctx.exit()


@cli.command()
@click.argument("kind", type=click.Choice(["pump", "spindle"]))
@click.option("--to", "target", default="stdout", show_default=True, help="stdout, serial:PATH or mqtt://HOST:PORT")
@click.option("--every", "every_s", type=Duration(), default="1s", show_default=True, help="Time between rows.")
@click.option("--for", "for_s", type=Duration(), default=None, help="End after this long.")
@click.option("--fault", default="", help="A fault, e.g. bearing-wear; see --faults.")
@click.option("--at", "at_s", type=Duration(), default="60s", show_default=True, help="When the fault begins.")
@click.option("--ramp", "ramp_s", type=Duration(), default="60s", show_default=True, help="How long it grows.")
@click.option("--device", default="", help="The device's name.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another machine.")
@click.option("--faults", is_flag=True, is_eager=True, expose_value=False, callback=_faults)
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
    r"""Be a machine: speak its readings on a serial line, over MQTT or to stdout.

    \b
    Example: tocsin simulate pump --to serial:/tmp/pump --every 100ms --fault bearing-wear
    """
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
        _stop(str(error), USAGE)


@cli.command()
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
        _stop(str(error), USAGE)


@cli.group()
def data() -> None:
    """Look at and take out what is stored."""


@data.command()
@click.option("--device", required=True)
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A .csv or .parquet file.")
@click.option("--from", "start", default="", help="ISO 8601, e.g. 2026-05-01T06:00Z.")
@click.option("--to", "end", default="", help="ISO 8601.")
@CONFIG
def export(*, device: str, out: Path, start: str, end: str, config: Path) -> None:
    """Write a device's readings to a file, from a running or a stopped box.

    Example: tocsin data export --device pump-1 --out pump-1.csv
    """
    from tocsin.export import ExportError, write  # noqa: PLC0415
    from tocsin.reach import ReachError  # noqa: PLC0415

    try:
        rows = write(config, device=device, out=out, start=start, end=end)
    except (ExportError, ReachError) as error:
        _stop(str(error), PROBLEM)
    click.echo(f"{out}: {rows} rows of {device}")


@cli.group()
def alarms() -> None:
    """See alarms and answer them."""


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
        _stop(str(error), PROBLEM)
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
    except (AnswerError, ReachError) as error:
        _stop(str(error), PROBLEM)


def _stop(sentence: str, code: int) -> None:
    click.echo(f"tocsin: {sentence}", err=True)
    sys.exit(code)


def main() -> None:
    """Run the command."""
    cli(prog_name="tocsin")
