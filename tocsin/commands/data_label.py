"""`tocsin data label`: a person says what was so, takes it back, or looks at what was said."""

import json
from pathlib import Path
from typing import cast, get_args

import click

from tocsin.options import AS_JSON, CONFIG, USAGE, stop
from wire.outcomes import Meaning

MEANINGS: tuple[str, ...] = get_args(Meaning)


@click.command()
@click.option("--device", default="", help="Whose rows; with --from and --to.")
@click.option("--run", default="", help="Which run.")
@click.option("--from", "start", default="", help="ISO 8601, e.g. 2026-05-01T06:00Z.")
@click.option("--to", "end", default="", help="ISO 8601.")
@click.option("--as", "meaning", type=click.Choice(MEANINGS), help="What it was.")
@click.option("--who", default="", help="Your name; kept with the label. With --list: whose labels.")
@click.option("--comment", default="", help="A comment, or why a label is withdrawn.")
@click.option("--withdraw", default="", metavar="ID", help="Take this label back; it stays to be seen.")
@click.option("--list", "listing", is_flag=True, help="Show what people said, newest first.")
@CONFIG
@AS_JSON
def label(
    *,
    device: str,
    run: str,
    start: str,
    end: str,
    meaning: str | None,
    who: str,
    comment: str,
    withdraw: str,
    listing: bool,
    config: Path,
    as_json: bool,
) -> None:
    """Say what rows or a run were, for the next training and for judging models.

    \b
    Example: tocsin data label --device pump-1 --from 2026-05-01T06:00Z --to 2026-05-01T07:00Z --as anomaly --who Ada
             tocsin data label --run R-0815 --as fail --who Ada
             tocsin data label --withdraw 5f3a9c01 --who Ada
             tocsin data label --list
    """  # noqa: D301 -- click reads the mark
    from tocsin.reaching.labelling import list_labels, make, take_back  # noqa: PLC0415
    from tocsin.reaching.reach import ReachError  # noqa: PLC0415

    if listing + bool(withdraw) + bool(meaning) != 1:
        stop("say one of --as MEANING, --withdraw ID and --list", USAGE)
    if not listing and not who.strip():
        stop("a label needs a name: --who", USAGE)
    try:
        if listing:
            _list(list_labels(config, device=device, run=run), who.strip(), one=bool(run), as_json=as_json)
            return
        if withdraw:
            by = take_back(config, withdraw, who=who.strip(), why=comment.strip())
            click.echo(f"{withdraw} withdrawn by {by}{'' if by == who.strip() else ' before: that stands'}")
            return
        if bool(device) == bool(run) or (device and not (start and end)):
            stop("say what is labelled: --run NAME, or --device NAME with --from and --to", USAGE)
        id_ = make(
            config, meaning=cast("Meaning", meaning), who=who.strip(), device=device, start=start, end=end, run=run,
            comment=comment.strip(),
        )  # fmt: skip
    except ReachError as error:
        stop(str(error), error.code)
    click.echo(json.dumps({"label": id_}) if as_json else f"{id_}: {device or run} was {meaning}, says {who.strip()}")


def _list(found: list[dict[str, object]], who: str, *, one: bool, as_json: bool) -> None:
    """Labels as text: what people said, among which the outcomes of tests would be all that is seen."""
    from stream.benches.ending import TEST  # noqa: PLC0415

    if as_json:
        click.echo(json.dumps([each for each in found if who in {"", each["who"]}]))
        return
    shown = [each for each in found if (each["who"] == who if who else one or each["who"] != TEST)]
    outcomes = 0 if who or one else len(found) - len(shown)
    for each in shown:
        gone = f"  withdrawn by {each['withdrawn_by']}" if each["withdrawn_by"] else ""
        what = each["device"] or f"run {each['run']}"
        told = f"{each['id']}  {each['meaning']:11}  {what}  {each['from']} to {each['to']}  {each['who']}"
        click.echo(f"{told}{'  ' if each['comment'] else ''}{each['comment']}{gone}")
    if not shown:
        click.echo(f"{who or 'nobody'} has labelled {'nothing' if who else 'anything'} yet")
    if outcomes:
        click.echo(f"and {outcomes:,} outcomes of runs: --who {TEST} shows them")
