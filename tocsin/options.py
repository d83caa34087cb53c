"""What the commands share: options, durations, and stopping with a sentence."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from wire.units import duration_ns

_F = TypeVar("_F", bound=Callable[..., Any])
OK, PROBLEM, USAGE = 0, 1, 2
DEFAULT = Path("tocsin.toml")
CONFIG = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT,
    show_default=True,
    help="The one config file.",
)
INSTANCE = click.option("--instance", default="", help="A name of its own: a restart then moves no partition.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def vitals(port: int) -> Callable[[_F], _F]:
    """The option where a role serves its vitals."""
    text = "Where /metrics, /healthz and /readyz are served; '' for nowhere."
    return click.option("--vitals", default=f"127.0.0.1:{port}", show_default=True, help=text)


class Duration(click.ParamType):
    """Seconds, written "90s", "15m" or "2h"."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a duration into seconds."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return duration_ns(str(value)) / 1e9
        except ValueError as error:
            self.fail(str(error), param, ctx)


def stop(sentence: str, code: int) -> NoReturn:
    """End with a sentence on stderr."""
    click.echo(f"tocsin: {sentence}", err=True)
    sys.exit(code)
