"""Where the parts of one installation are, for Grafana: from options, or else from the config."""

from collections.abc import Mapping
from pathlib import Path

from dashboards.grafana.shapes import PAGE, Site
from store.influx.address import is_influx, parse
from store.influx.errors import InfluxError
from tocsin.options import DEFAULT
from tocsin.roles.fleet import RoleError
from wire.config import Config
from wire.settings import load

ANYWHERE = frozenset({"", "0.0.0.0", "[::]", "::"})  # noqa: S104 -- compared with, never bound to


def site_of(config: Path, *, page: str, influx: str, database: str, environ: Mapping[str, str]) -> Site:
    """What the options say, else the config, else the names of docker-compose.yml.

    Raises SettingsError for a wrong config, RoleError for a wrong address. The default config may be missing.
    """
    told = _of(load(config).config, environ, influx) if config != DEFAULT or config.exists() else Site()
    for address in filter(None, (page, influx)):
        if not address.startswith(("http://", "https://")):
            msg = f"{address} is no address: write it like https://tocsin.example.org"
            raise RoleError(msg)
    return Site(
        page=page.rstrip("/") or told.page,
        influx=influx.rstrip("/") or told.influx,
        database=database or told.database,
    )


def secret(name: str, environ: Mapping[str, str]) -> str:
    """A secret from the environment, or from the file that NAME_FILE says. Raises RoleError."""
    path = environ.get(f"{name}_FILE", "")
    if environ.get(name) or not path:
        return environ.get(name, "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{name}_FILE names {path}, which cannot be read: {error}"
        raise RoleError(msg) from error


def _of(config: Config, environ: Mapping[str, str], influx: str) -> Site:
    host, _, port = config.console.listen.rpartition(":")
    page = PAGE if host in ANYWHERE else f"http://{host}:{port}"
    if influx and not is_influx(config.store):
        return Site(page=page, influx=influx)
    if not is_influx(config.store):
        msg = f'store = "{config.store}" is a box\'s, and Grafana reads InfluxDB: say where it is with --influx'
        raise RoleError(msg)
    try:
        address = parse(config.store, environ)
    except InfluxError as error:
        raise RoleError(str(error)) from error
    return Site(page=page, influx=address.url, database=address.database)
