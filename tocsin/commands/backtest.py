"""`tocsin backtest`: what can be typed, and what is printed; nothing of how it is done."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tocsin.options import AS_JSON, CONFIG, PROBLEM, USAGE, Duration, stop

if TYPE_CHECKING:
    from models.judging.alarm_labels import Tally
    from tocsin.modelling.backtest import Report


@click.command()
@click.argument("model")
@click.option("--from", "start", default="", help="ISO 8601, e.g. 2026-05-01T06:00Z; else from the first row.")
@click.option("--to", "end", default="", help="ISO 8601; else to the newest row.")
@click.option("--device", "devices", default="*", show_default=True, help="A glob: which devices.")
@click.option("--data", "archive", default="", help="An archive, a folder or a URL, to read rows from instead.")
@click.option("--lead-in", "lead_s", type=Duration(), default="1h", show_default=True, help="Rows that only warm it.")
@click.option("--dry-run", "dry", is_flag=True, help="Write no score back.")
@CONFIG
@AS_JSON
def backtest(
    *,
    model: str,
    start: str,
    end: str,
    devices: str,
    archive: str,
    lead_s: float,
    dry: bool,
    config: Path,
    as_json: bool,
) -> None:
    """Score history with MODEL (NAME, NAME@VERSION or NAME@ALIAS) as live rows are scored, and judge it by labels.

    Scores are written beside the live ones under the model's own version and ring nothing. Rows come from the store;
    of a fleet whose page does not answer, name its archive with --data.

    \b
    Example: tocsin backtest pump@candidate --from 2026-05-01 --to 2026-06-01 --device 'pump-*'
             tocsin backtest pump --data data/archive --dry-run
    """  # noqa: D301 -- click reads the mark
    import msgspec  # noqa: PLC0415

    from tocsin.modelling.backtesting import TroubleError, run  # noqa: PLC0415

    try:
        report = run(config, model, start=start, end=end, devices=devices, archive=archive, lead_s=lead_s, dry=dry)
    except TroubleError as error:
        stop(str(error), USAGE if error.usage else PROBLEM)
    click.echo(msgspec.json.encode(report).decode() if as_json else told(report))


def told(report: "Report") -> str:
    """The report as text: devices, then alarms held against labels, the live ones beside."""
    from models.catalogue.nodes import iso  # noqa: PLC0415
    from tocsin.commands.model_tables import columns  # noqa: PLC0415

    name = f"{report.model}@{report.version}"
    rows = [("device", "from", "to", "rows", "scored", "over the limit", "alarms")]
    for each in report.devices:
        if each.skipped:
            rows.append((each.device, f"not scored: {each.skipped}", "", "", "", "", ""))
        else:
            span = (iso(each.from_ns or 0), iso(each.to_ns or 0))
            share = f"{each.over / each.scored:.2%}" if each.scored else "-"
            rows.append((each.device, *span, str(each.rows), str(each.scored), share, str(len(each.alarms))))
    judged = [("", name, "live at the time"), *_judged(report.tested, report.live)]
    kept = f"{report.written} scores written back" if report.written else "no score was written back"
    noted = "" if report.labels else "\nnobody has labelled these rows: alarms cannot be told right from wrong"
    return f"{columns(rows)}\n\n{columns(judged)}\n\n{kept}{noted}"


def _judged(tested: "Tally", live: "Tally") -> list[tuple[str, str, str]]:
    pairs = [
        ("labelled events found", f"{tested.found} of {tested.events}", f"{live.found} of {live.events}"),
        *(
            (words, str(getattr(tested, name)), str(getattr(live, name)))
            for words, name in (
                ("alarms", "alarms"),
                ("  right", "right"),
                ("  during maintenance", "during_maintenance"),
                ("  false", "false"),
                ("  nobody judged", "unjudged"),
            )
        ),
    ]
    rates = [
        (words, _rate(getattr(tested, name)), _rate(getattr(live, name)))
        for words, name in (("false a week", "false_per_week"), ("false or unjudged a week", "not_right_per_week"))
    ]
    return [*pairs, *rates]


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
