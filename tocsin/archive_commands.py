"""The command of the archive's role: what can be typed, and nothing of how it is done."""

import sys
from pathlib import Path

import click

from tocsin.options import CONFIG


@click.command()
@CONFIG
@click.option(
    "--vitals",
    default="127.0.0.1:9104",
    show_default=True,
    help="Where /metrics, /healthz and /readyz are served; '' for nowhere.",
)
def archive(*, config: Path, vitals: str) -> None:
    """Keep every input of the bus as Parquet files, for ever.

    Example: tocsin archive -c tocsin.toml
    """
    from tocsin.archive_role import archive as role  # noqa: PLC0415
    from tocsin.fleet import run  # noqa: PLC0415

    sys.exit(run(config, role, name="archive", vitals=vitals))
