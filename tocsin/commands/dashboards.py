"""The commands of Grafana's dashboards: what can be typed, and nothing of how it is done."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tocsin.options import AS_JSON, CONFIG, OK, PROBLEM, USAGE, stop
from wire.problem import SettingsError

if TYPE_CHECKING:
    from dashboards.grafana.shapes import Site

_F = TypeVar("_F", bound=Callable[..., Any])
TOKEN, INFLUX_TOKEN = "TOCSIN_GRAFANA_TOKEN", "TOCSIN_INFLUX_TOKEN"


def _places(command: _F) -> _F:
    """The options for where the parts are, as Grafana and people reach them."""
    for option in (
        click.option("--database", default="", help="What InfluxQL calls the bucket; else from `store`."),
        click.option("--influx", default="", help="InfluxDB as Grafana reaches it; else from `store` of the config."),
        click.option("--page", default="", help="Tocsin's page as people reach it; else from `console.listen`."),
        CONFIG,
    ):
        command = option(command)
    return command


@click.group()
def dashboards() -> None:
    """Write Grafana's dashboards and alert rules, or send them to a Grafana.

    Example: tocsin dashboards push --url http://grafana:3000
    """


@dashboards.command()
@_places
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("grafana"),
    show_default=True,
    help="The folder to write, to be mounted as /etc/grafana/provisioning.",
)
def build(*, config: Path, page: str, influx: str, database: str, out: Path) -> None:
    """Write dashboards, data source and alert rules as files that Grafana reads at its start.

    Grafana needs TOCSIN_INFLUX_TOKEN in its own environment; a token that may only read the bucket is enough.

    Example: tocsin dashboards build --out grafana --page https://tocsin.example.org
    """
    site = _site(config, page=page, influx=influx, database=database)
    from dashboards.grafana.files import files  # noqa: PLC0415

    for path, content in files(site).items():
        try:
            (out / path).parent.mkdir(parents=True, exist_ok=True)
            (out / path).write_text(content, encoding="utf-8")
        except OSError as error:
            stop(f"{out / path} cannot be written ({error.strerror}): name another folder with --out", PROBLEM)
        click.echo(str(out / path))


@dashboards.command()
@_places
@click.option("--url", required=True, help="The Grafana, such as http://grafana:3000.")
@click.option("--force", is_flag=True, help="Write over what a person changed in Grafana.")
@AS_JSON
def push(*, config: Path, page: str, influx: str, database: str, url: str, force: bool, as_json: bool) -> None:
    """Send dashboards, data source and alert rules to a running Grafana; twice is as once.

    TOCSIN_GRAFANA_TOKEN is the token of a service account with the role Admin, TOCSIN_INFLUX_TOKEN one that may read
    the bucket; or TOCSIN_GRAFANA_TOKEN_FILE and TOCSIN_INFLUX_TOKEN_FILE name files that hold them.

    Example: tocsin dashboards push --url http://grafana:3000
    """
    site = _site(config, page=page, influx=influx, database=database)
    from dashboards.grafana.push import push as send  # noqa: PLC0415
    from dashboards.grafana.server import AddressError, Grafana, GrafanaError  # noqa: PLC0415

    bad = False
    try:
        with Grafana(url, token=_secret(TOKEN)) as grafana:
            grafana.version()
            for outcome in send(grafana, site, token=_secret(INFLUX_TOKEN), force=force):
                bad = bad or outcome.bad
                click.echo(json.dumps(outcome.as_dict()) if as_json else str(outcome))
    except AddressError as error:
        stop(str(error), USAGE)
    except GrafanaError as error:
        stop(str(error), PROBLEM)
    sys.exit(PROBLEM if bad else OK)


def _site(config: Path, *, page: str, influx: str, database: str) -> "Site":
    try:
        import dashboards.grafana.push  # noqa: F401, PLC0415 -- to find out before anything else whether it can be
        from tocsin.commands.grafana_site import site_of  # noqa: PLC0415
        from tocsin.roles.fleet import RoleError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        stop(f"this needs the package {error.name}: pip install 'tocsin[fleet]'", USAGE)
    try:
        return site_of(config, page=page, influx=influx, database=database, environ=os.environ)
    except (SettingsError, RoleError) as error:
        stop(str(error), USAGE)


def _secret(name: str) -> str:
    from tocsin.commands.grafana_site import secret  # noqa: PLC0415
    from tocsin.roles.fleet import RoleError  # noqa: PLC0415

    try:
        return secret(name, os.environ)
    except RoleError as error:
        stop(str(error), USAGE)
