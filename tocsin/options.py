"""What the commands share: options, durations, and stopping with a sentence."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from wire.units import duration_ns

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
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


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
