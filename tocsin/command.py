"""The `tocsin` command: what can be typed, and nothing of how it is done; imports no room until it must."""

import json
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import click

import tocsin.commands.keeping
import tocsin.commands.promotion  # noqa: F401 -- it adds to the commands of models
from tocsin.commands.archive import archive
from tocsin.commands.backtest import backtest
from tocsin.commands.dashboards import dashboards
from tocsin.commands.data import data
from tocsin.commands.dead import dead
from tocsin.commands.models import evaluate, models, score, train
from tocsin.commands.records import alarms, replay
from tocsin.commands.roles import edge, keep, serve, stream
from tocsin.commands.simulate import simulate
from tocsin.commands.store import sink, store
from tocsin.options import AS_JSON, CONFIG, OK, PROBLEM, USAGE, Duration, stop


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("tocsin"), prog_name="tocsin")
def cli() -> None:
    """Listen to machines and ring before they fail.

    \b
    tocsin demo     watch machines wear out and ring
    tocsin init     write a first tocsin.toml from what is connected here
    tocsin up       run it
    """  # noqa: D301 -- click reads the mark


@cli.command()
@click.option("--headless", is_flag=True, help="No page to look at; print what happened at the end.")
@click.option("--for", "for_s", type=Duration(), default=None, help="End by itself after this long, e.g. 60s.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep the demo's data here.")
@click.option("--listen", default="127.0.0.1:8765", show_default=True, help="Where the page is served.")
@click.option("--seed", default=1, show_default=True, help="Another seed, other machines.")
@AS_JSON
def demo(*, headless: bool, for_s: float | None, folder: Path | None, listen: str, seed: int, as_json: bool) -> None:
    """Watch a pump, a spindle and this machine; one wears out and rings.

    \b
    Example: tocsin demo
             tocsin demo --headless --for 60s --json
    """  # noqa: D301 -- click reads the mark
    from tocsin.playing.demo import run  # noqa: PLC0415

    sys.exit(run(headless=headless, for_s=for_s, folder=folder, listen=listen, seed=seed, as_json=as_json))


@cli.command()
@CONFIG
@click.option("--no-page", is_flag=True, help="Serve neither page nor API.")
def up(*, config: Path, no_page: bool) -> None:
    """Run the box: sources, log, scoring, store and page in one process.

    Example: tocsin up -c tocsin.toml
    """
    from tocsin.roles.up import up as run_up  # noqa: PLC0415

    sys.exit(run_up(config, page=not no_page))


@cli.command()
@CONFIG
@click.option("--fleet", is_flag=True, help="Write what docker-compose.yml needs: configs, and secrets in .env.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(*, config: Path, fleet: bool, force: bool) -> None:
    """Write a commented tocsin.toml from what is connected to this machine, or the files of a fleet.

    \b
    Example: tocsin init && tocsin up
             tocsin init --fleet && docker compose up --detach --build
    """  # noqa: D301 -- click reads the mark
    from tocsin.starting.fleet_starter import write_fleet  # noqa: PLC0415
    from tocsin.starting.starter import StarterError, write  # noqa: PLC0415

    try:
        click.echo(write_fleet(config, force=force) if fleet else write(config, force=force))
    except StarterError as error:
        stop(str(error), USAGE)


@cli.command()
@CONFIG
@AS_JSON
def check(*, config: Path, as_json: bool) -> None:
    """Say everything that is wrong with the config, at once.

    Example: tocsin check -c tocsin.toml
    """
    from tocsin.examining.check import check as problems_of  # noqa: PLC0415

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
    from tocsin.examining.doctor import examine  # noqa: PLC0415

    findings = examine(config)
    if as_json:
        click.echo(json.dumps([finding.as_dict() for finding in findings]))
    else:
        for finding in findings:
            click.echo(str(finding))
    bad = {finding.what for finding in findings if finding.bad}
    sys.exit(USAGE if "config" in bad else PROBLEM if bad else OK)


for command in (edge, stream, sink, archive, serve, keep, store, simulate, replay, data, alarms, dead, dashboards):
    cli.add_command(command)
for command in (train, score, evaluate, models, backtest):
    cli.add_command(command)


def main() -> None:
    """Run the command; where its packages are not installed, as in the image of an edge, say which is missing."""
    try:
        cli(prog_name="tocsin")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if not package or find_spec(package) is not None:
            raise  # a mistake of ours, not a package that is absent
        stop(f"this needs the package {package}, which is not installed here: pip install 'tocsin[all]'", USAGE)
