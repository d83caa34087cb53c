"""Commands that say which version of a model is at work: gate, promote, rollback; imports no room until it must."""

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.commands.data_option import TakesData
from tocsin.commands.explained import explained
from tocsin.commands.models import LABEL, models
from tocsin.options import AS_JSON, CONFIG, PROBLEM, USAGE, stop

if TYPE_CHECKING:
    from models.judging.gate import Ruling

ROWS = click.option("--data", multiple=True, help="Rows to judge by: a CSV or Parquet file, or a glob.")
WHO = click.option("--who", default="", help="Who decides, for the history; else the name of this account.")
WHY = click.option("--why", default="", help="And why.")
MARKS = {True: "ok", False: "REFUSED", None: "not told"}


@models.command(cls=TakesData)
@click.argument("name")
@ROWS
@LABEL
@click.option("--from", "start", default="", help="Judge by what the store recorded, ISO 8601, e.g. 2026-05-01T06:00Z.")
@click.option("--to", "end", default="", help="ISO 8601; else to the newest row.")
@CONFIG
@AS_JSON
def gate(*, name: str, data: tuple[str, ...], label: str, start: str, end: str, config: Path, as_json: bool) -> None:
    """Judge whether NAME's candidate, or NAME@VERSION, may be champion; exit code 1 if it may not.

    Both score the same rows. The candidate must speak wherever the champion does, be no worse on labelled rows, not
    ring much more often, hold its limit and its chances, be fast enough, hear made faults, and reach what its recipe
    asks for. What the data cannot tell is said.

    \b
    Example: tocsin models gate pump --data june.csv --label fault
             tocsin models gate pump --from 2026-06-01 --to 2026-06-08
    """  # noqa: D301 -- click reads the mark
    from models.registry.folder import CANDIDATE  # noqa: PLC0415
    from tocsin.modelling.gating import ruling, ruling_on_history  # noqa: PLC0415
    from tocsin.modelling.place import registry  # noqa: PLC0415

    if bool(data) == bool(start or end):
        stop("say what rows to judge by, as in --data june.csv, or --from 2026-06-01 for what the store holds", USAGE)
    with explained():
        of = name if "@" in name else f"{name}@{CANDIDATE}"
        if data:
            found = ruling(of, registry(), list(data), label=label)
        else:
            found = ruling_on_history(of, registry(), config, start=start, end=end)
    click.echo(_plain(found) if as_json else _shown(found))
    if not found.passed:
        raise SystemExit(PROBLEM)


@models.command(cls=TakesData)
@click.argument("name")
@ROWS
@LABEL
@click.option("--no-gate", is_flag=True, help="Promote whatever the gate would say.")
@WHO
@WHY
def promote(*, name: str, data: tuple[str, ...], label: str, no_gate: bool, who: str, why: str) -> None:
    """Make NAME@VERSION or NAME@ALIAS the champion, which NAME alone means from then on.

    What is running takes it up within seconds, and falls back on the version before where this one fails. With --data
    the gate rules first; without, only that it can be loaded and speaks is looked at.

    \b
    Example: tocsin models promote pump@candidate --data june.csv --label fault
    """  # noqa: D301 -- click reads the mark
    from models.registry.folder import CHAMPION  # noqa: PLC0415
    from tocsin.modelling.gating import ruling, tried  # noqa: PLC0415
    from tocsin.modelling.place import registry  # noqa: PLC0415

    plain, _, version = name.partition("@")
    if not version:
        stop(f"say which version of {plain}, as in {plain}@2 or {plain}@candidate", USAGE)
    with explained():
        where = registry()
        number = where.entry(plain, version).version
        if not no_gate:
            tried(plain, number, where)
        if data and not no_gate and where.aliases(plain).get(CHAMPION) != number:
            found = ruling(f"{plain}@{number}", where, list(data), label=label)
            if not found.passed:
                stop(f"{_shown(found)}\n{plain}@{number} is refused; --no-gate promotes it all the same", PROBLEM)
        where.point(plain, CHAMPION, number, who=who or _account(), why=why)
    if not data and not no_gate:
        click.echo("not judged on any rows: tocsin models gate does that", err=True)
    click.echo(f"{plain}@{number} is the champion")


@models.command()
@click.argument("name")
@WHO
@WHY
def rollback(*, name: str, who: str, why: str) -> None:
    """Make the version champion again that was it before.

    Example: tocsin models rollback pump --why "rings at every start"
    """
    from tocsin.modelling.place import registry  # noqa: PLC0415

    with explained():
        number = registry().roll_back(name, who=who or _account(), why=why)
    click.echo(f"{name}@{number} is the champion again")


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as nobody that is known
        return "unknown"


def _shown(found: "Ruling") -> str:
    wide = max(map(len, MARKS.values()))
    return "\n".join(f"{MARKS[check.passed]:<{wide}}  {check.sentence}" for check in found.checks)


def _plain(found: "Ruling") -> str:
    from msgspec import to_builtins  # noqa: PLC0415

    return json.dumps({"passed": found.passed, "checks": to_builtins(found.checks)})
