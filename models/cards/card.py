"""The card of a stored model: Markdown with pictures, made from what its training knows. Small and honest."""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from models.cards.markdown import NONE, grid, listed, moment, number, plain
from models.contract import Task
from models.recipe_text import text as recipe_text
from models.registry.folder import CARD
from models.registry.manifest import Manifest
from models.scoring import Judged, by_unit, score
from models.table import Stretch, Table
from models.trained import NEAR_LIMIT, Trained

MOST_ROWS = 100_000  # scored for the pictures
MOST_CHANNELS = 30
MOST_SOURCES = 20
TWO = 2
METRICS: Mapping[str, str] = {  # as models.judging.evaluation names them
    "f1": "F1 of single calls",
    "far": "false alarms among what was normal",
    "mar": "missed among what was wrong",
    "ap": "average precision",
    "roc_auc": "area under the ROC curve",
    "ber": "balanced error rate",
    "accuracy": "share of right calls",
    "balanced_accuracy": "share of right calls, each class alike",
    "macro_f1": "F1, each class alike",
    "rmse": "root of the mean square error of lives",
    "mae": "mean error of lives",
    "s_score": "PHM08 score, sum",
    "s_mean": "PHM08 score, mean",
    "coverage": "true lives inside the interval",
    "width": "width of the interval",
    "events": "faults that happened",
    "events_found": "faults that were found",
    "alarms": "times that it rang",
    "failures": "units that failed",
    "stands_for": "units that those judged stand for, each counted as it weighs",
    "effective": "units of even weight that would tell as much",
    "unscored": "rows or units without a call",
}


def card(manifest: Manifest, model: Trained, table: Table, *, held: Sequence[Judged] = ()) -> Mapping[str, bytes]:
    """Files for the folder of a version: `card.md`, and pictures where matplotlib is installed.

    `table`: what it was trained on. `held`: rows that were judged by models that had not seen them; without them the
    pictures show the training rows, and say so.
    """
    inside = score(model, _some(table))
    pictures = _pictures(manifest, held or inside) if importlib.util.find_spec("matplotlib") else {}
    parts = [
        f"# {plain(manifest.name)}, version {manifest.version}",
        plain(manifest.recipe.note, 1000),
        _purpose(manifest),
        *_trained_on(manifest),
        "## How well it does",
        _figures(manifest),
        *_shown(pictures, held=bool(held)),
        "## When not to rely on it",
        listed(_limits(manifest, model, held=bool(held))),
        "## Channels",
        *_channels(model, table, inside),
        "## Recipe",
        f"```toml\n{recipe_text(manifest.recipe).replace('```', '` ` `')}```",
    ]
    content = "\n\n".join(part for part in parts if part) + "\n"
    return {CARD: content.encode()} | {name: content for name, (content, _) in pictures.items()}


def _purpose(manifest: Manifest) -> str:
    recipe, channels = manifest.recipe, len(manifest.channels)
    decision = recipe.decision
    rings = (
        f"It rings when {decision.k} of {decision.n} rows reach {number(decision.threshold)},"
        f" and is over after {decision.quiet} rows in a row below {number(decision.clear)}."
    )
    if manifest.task is Task.LIFE:
        return (
            f"Says after each row of {channels} channels how long a unit is expected to last, with an interval that is"
            f" to hold {recipe.calibration.coverage:.0%} of true lives."
            f" A score of 1 means that {number(recipe.horizon)} are left."
            f" {rings}"
        )
    if manifest.task is Task.OUTCOME:
        classes = ", ".join(plain(name) for name in manifest.classes)
        seen = f"of each unit, by what is known by then of {channels} channels," if recipe.columns.unit_rows else ""
        told = f"Says {seen or f'after each row of {channels} channels'} how likely each outcome of it is: {classes}."
        if len(manifest.classes) != TWO:
            return f"{told} None of them is the failure, so it never rings."
        limit = f"A score of 1 means that P({plain(manifest.classes[1])}) is at its limit"
        if recipe.columns.unit_rows:
            rate = f"{recipe.calibration.false_alarm_rate:.2%}"
            return f"{told} {limit}, which at most {rate} of the units that pass are to reach, over all of their steps."
        return f"{told} {limit}. {rings}"
    return (
        f"Says of each row of {channels} channels how unlike the normal it is that the model was fitted on;"
        f" a score of 1 is the limit. {rings}"
    )


def _trained_on(manifest: Manifest) -> Iterator[str]:
    facts, data = manifest.facts, manifest.facts.data
    yield "## Trained on"
    counts = ", ".join(f"{plain(name)}: {count}" for name, count in data.counts.items())
    said = {
        "Rows": f"{data.rows}",
        "Label": plain(data.label) or "none",
        "By label": counts,
        "Owner": plain(facts.owner),
        "Digest of the data": f"`{data.sha256}`" if data.sha256 else "",
        "Trained at": moment(facts.made_at_ns),
        "Seed": str(manifest.seed),
        "Code": ", ".join(f"{plain(name)} {plain(version)}" for name, version in facts.code.items()),
    }
    yield listed(f"{name}: {value}" for name, value in said.items() if value)
    if data.sources:
        rows = [
            (plain(each.name), str(each.rows), moment(each.from_ns), moment(each.to_ns), f"`{each.sha256[:12]}`")
            for each in data.sources[:MOST_SOURCES]
        ]
        yield grid(("source", "rows", "from", "to", "digest"), rows) + _more(len(data.sources), MOST_SOURCES)


def _figures(manifest: Manifest) -> str:
    metrics = manifest.facts.metrics
    if not metrics:
        return "Nothing was held out and judged: how much it finds, and how often it rings for nothing, is not known."
    rows = [(plain(name), number(value), METRICS.get(name.rpartition(".")[2], "")) for name, value in metrics.items()]
    return grid(("figure", "value", "what it is"), rows)


_Pictures = Mapping[str, tuple[bytes, str]]


def _pictures(manifest: Manifest, judged: Sequence[Judged]) -> _Pictures:
    """PNG and what it shows, by name of its file."""
    from models.cards import plots  # noqa: PLC0415 -- matplotlib takes a second, and is not needed to train

    recipe, limit = manifest.recipe, manifest.recipe.decision.threshold
    out: dict[str, tuple[bytes, str]] = {}
    if manifest.task is Task.OUTCOME:
        drawn = plots.chances(by_unit(judged, recipe)) if len(manifest.classes) == TWO else None
        return {"chances.png": (drawn, "what is found, and whether P(fail) holds")} if drawn else {}
    if manifest.task is Task.LIFE and any(one.stretch.label is not None for one in judged):
        drawn = plots.lives(judged, np.inf if recipe.cap is None else recipe.cap)
        out["lives.png"] = (drawn, "expected against true life, with the interval")
    out["scores.png"] = (plots.timeline(judged, limit), "highest scores in the order of the rows, and the limit")
    if manifest.task is Task.ANOMALY:
        out["spread.png"] = (plots.spread(judged, limit), "how many rows have which score")
    return out


def _shown(pictures: _Pictures, *, held: bool) -> Iterator[str]:
    whose = "rows that were held out" if held else "rows that it was trained on: new ones will look worse"
    for name, (_, caption) in pictures.items():
        yield f"![{caption}]({name})\n\n{caption.capitalize()}; {whose}."


def _limits(manifest: Manifest, model: Trained, *, held: bool) -> Iterator[str]:
    recipe = manifest.recipe
    for warning in manifest.facts.warnings:
        yield f"**{plain(warning, 1000)}**"
    if not held and not manifest.facts.metrics:
        yield "It was never tried on rows that it had not seen."
    if model.bank.warm > 1:
        yield f"Until a device has shown {model.bank.warm} rows in a row it says nothing."
    if manifest.task is Task.ANOMALY:
        yield (
            "It tells unlike from like, not good from bad: another product, set point or season is unlike as well."
            " Train anew when what is normal changes."
        )
        rate = recipe.calibration.false_alarm_rate
        yield f"Up to {rate:.2%} of normal rows pass the limit even where nothing changed."
    if manifest.task is Task.LIFE:
        yield "It knows units that wore as those in training did: not another load, nor another cause of failure."
        if recipe.cap is not None:
            yield f"What lasts longer than {number(recipe.cap)} is told as {number(recipe.cap)}."
    if manifest.task is Task.OUTCOME:
        yield "Its chances hold as long as units are made, measured and judged as those in training were."
    yield "Values outside the ranges below were never seen."


def _channels(model: Trained, table: Table, judged: Sequence[Judged]) -> Iterator[str]:
    """Those that speak most come first."""
    shares = _shares(model, judged)
    rows, known = table.stacked(), np.isfinite(table.stacked())
    low = np.where(known, rows, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, rows, -np.inf).max(axis=0, initial=-np.inf)
    missing = 1.0 - known.mean(axis=0)
    order = sorted(range(len(table.channels)), key=lambda at: (-shares[at], at))
    lines = [
        (
            plain(name := table.channels[at]),
            *_range(table.words.get(name), float(low[at]), float(high[at])),
            f"{missing[at]:.0%}",
            f"{shares[at]:.0%}" if shares.any() else NONE,
        )
        for at in order[:MOST_CHANNELS]
    ]
    yield grid(("channel", "lowest", "highest", "missing", "share of high scores"), lines) + _more(
        len(order), MOST_CHANNELS
    )
    if not shares.any():
        yield f"No training row came near the limit (a score of {NEAR_LIMIT}), so none of them speaks most."


def _shares(model: Trained, judged: Sequence[Judged]) -> np.ndarray:
    """What each channel adds to the scores that came near the limit, summing to 1; 0 where none did."""
    total = np.zeros(len(model.channels))
    for one in judged:
        total += one.scored.contributions.sum(axis=0, dtype=np.float64)
    return total / total.sum() if total.sum() > 0 else total


def _range(words: Sequence[str] | None, low: float, high: float) -> tuple[str, str]:
    if words is not None:
        return f"{len(words)} words", ""
    if low > high:
        return NONE, NONE
    return number(low), f"{number(high)} (never moved)" if low == high else number(high)


def _more(count: int, most: int) -> str:
    return f"\n\nand {count - most} more." if count > most else ""


def _some(table: Table) -> Table:
    """Stretches all over the table, up to so many rows."""
    step = max(1, -(-table.rows // MOST_ROWS)) if len(table.stretches) > 1 else 1
    left, chosen = MOST_ROWS, list[Stretch]()
    for stretch in table.stretches[::step]:
        if left <= 0:
            break
        chosen.append(stretch.part(slice(left)))
        left -= len(stretch.t_ns)
    return msgspec.structs.replace(table, stretches=tuple(chosen))
