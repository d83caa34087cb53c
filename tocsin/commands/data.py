"""The data commands: what can be typed, and nothing of how it is done; imports no room until it must."""

from pathlib import Path

import click

from tocsin.commands.data_label import label
from tocsin.commands.data_looks import catalogue, lineage
from tocsin.options import CONFIG, USAGE, stop


@click.group()
def data() -> None:
    """Look at what is stored, take it out, bring it in, and say what was so.

    Example: tocsin data catalogue
    """


@data.command()
@click.option("--device", default="", help="Its readings, a row a time.")
@click.option("--runs", "procedure", default="", help="A procedure: its runs that ended pass or fail, a row a run.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A .csv or .parquet file.")
@click.option("--from", "start", default="", help="ISO 8601, e.g. 2026-05-01T06:00Z.")
@click.option("--to", "end", default="", help="ISO 8601.")
@click.option("--archive", is_flag=True, help="From the archive; of a fleet, always.")
@CONFIG
def export(*, device: str, procedure: str, out: Path, start: str, end: str, archive: bool, config: Path) -> None:
    """Write a device's readings or a procedure's runs to a file; the catalogue remembers the file by its content.

    \b
    Example: tocsin data export --device pump-1 --out pump-1.csv
             tocsin data export --runs EOL --out runs.csv
    """  # noqa: D301 -- click reads the mark
    from tocsin.reaching.export import ExportError, write, write_runs  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError  # noqa: PLC0415

    if bool(device) == bool(procedure):
        stop("say what to export: --device NAME, or --runs PROCEDURE", USAGE)
    if procedure and (start or end or archive):
        stop("--runs writes all runs of the store: leave out --from, --to and --archive", USAGE)
    try:
        if procedure:
            rows = write_runs(config, procedure=procedure, out=out)
        else:
            rows = write(config, device=device, out=out, start=start, end=end, archive=archive, noted=True)
    except (ExportError, ReachError) as error:
        stop(str(error), error.code)
    click.echo(f"{out}: {rows} rows of {device}" if device else f"{out}: {rows} runs of {procedure}")


@data.command("import")
@click.argument("files", nargs=-1, required=True)
@click.option("--device", default="", help="Whose rows these are; else a column `device` says.")
@click.option("--time", "time_column", default="time", show_default=True, help="The column that holds the time.")
@click.option("--ignore", multiple=True, help="A column, or a glob, that is no channel; may be given again.")
@CONFIG
def bring(*, files: tuple[str, ...], device: str, time_column: str, ignore: tuple[str, ...], config: Path) -> None:
    """Bring recorded FILES, CSV or Parquet, plain or packed, into a box that runs or is stopped, or into a fleet.

    Rows keep their own times. They are stored as rows that came late: nothing live changes by them and nothing learns
    from them. The same file a second time changes nothing.

    \b
    Example: tocsin data import may.csv --device pump-1
             tocsin data import 'old/*.parquet'
    """  # noqa: D301 -- click reads the mark
    from models.reading.errors import ReadingError  # noqa: PLC0415
    from tocsin.options import PROBLEM  # noqa: PLC0415
    from tocsin.reaching.bringing import brought  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError  # noqa: PLC0415

    try:
        for sentence in brought(config, list(files), device=device, time=time_column, ignore=ignore):
            click.echo(sentence)
    except ReadingError as error:
        stop(str(error), PROBLEM)
    except ReachError as error:
        stop(str(error), error.code)


for command in (catalogue, lineage, label):
    data.add_command(command)
