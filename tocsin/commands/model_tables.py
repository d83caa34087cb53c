"""Models and their figures as text for a terminal."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from models.contract import Task
from models.fitting.trial import Found, Trial
from models.judging.evaluation import Evaluation
from models.kinds import Kind
from models.recipe_text import text as recipe_text
from models.registry.folder import Entry
from models.registry.history import Pointing
from models.registry.manifest import Data
from tocsin.modelling.scoring import best
from tocsin.modelling.training import Made

STEPS = 5  # of a history
CHANNELS = 12  # named in a line
WORDS: Mapping[str, str] = {
    "f1": "F1",
    "far": "false-alarm rate",
    "mar": "missed-alarm rate",
    "ap": "average precision",
    "roc_auc": "ROC AUC",
    "events": "events",
    "events_found": "events found",
    "alarms": "alarms rung",
    "unscored": "without a call",
    "rmse": "RMSE",
    "rmse_uncapped": "RMSE, uncapped",
    "mae": "mean absolute error",
    "s_score": "S score (PHM08)",
    "s_mean": "S score a row",
    "coverage": "inside the interval",
    "width": "width of the interval",
    "units": "units",
    "ber": "balanced error rate",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "F1, mean of grades",
    "failures": "failures",
    "stands_for": "units stood for",
    "effective": "as sure as so many units",
    "all_ones_f1": "F1 of always ringing",
    "random_ap": "average precision of chance",
    "constant_rmse": "RMSE of the best constant",
    "most_frequent_accuracy": "accuracy of always the commonest",
}


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells below each other.

    >>> print(columns([["a", "b"], ["long", "c"]]))
    a     b
    long  c
    """
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def number(value: float | None) -> str:
    """Three digits; whole numbers as they are; "-" where it cannot be told.

    >>> number(0.12345), number(63.0), number(1234.5), number(None)
    ('0.123', '63', '1234', '-')
    """
    if value is None:
        return "-"
    if float(value).is_integer():
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004 -- four digits say enough


def figures(found: Evaluation) -> str:
    """An evaluation, what trivial callers reach set apart."""
    rows = [[WORDS.get(name, name), number(value), _between(found, name)] for name, value in found.figures.items()]
    rows += [[WORDS.get(name, name), number(value), "for comparison"] for name, value in found.beside.items()]
    return columns(rows)


def comparison(found: Mapping[str, Evaluation]) -> str:
    """Models side by side; the best of a row bears a star."""
    names = list(dict.fromkeys(name for each in found.values() for name in each.figures))
    rows = [["", *found]]
    for name in names:
        values = {model: each.figures.get(name) for model, each in found.items()}
        stars = best(values, name)
        rows.append(
            [WORDS.get(name, name), *(f"{number(values[model])}{' *' if model in stars else ''}" for model in found)]
        )
    return columns(rows) + "\n* best of its row"


def trained(made: Made) -> str:
    """What came of a training, in a few lines."""
    table, model = made.rows.table, made.model
    kind = model.recipe.estimator.get("kind", "")
    size = f"{table.rows} rows in {len(table.stretches)} stretches, {len(table.channels)} channels"
    lines = [f"{model.title}: {model.recipe.task.value}, {kind}, from {size}"]
    if made.found is not None:
        lines.append(searched(made.found))
    if made.judged is not None:
        lines += ["on rows held out in turn:", figures(made.judged)]
    if model.entry is not None:
        lines.append(f"stored in {model.entry.url}")
    return "\n".join(lines)


def searched(found: Found) -> str:
    """How a search ended."""
    changes = ", ".join(f"{name} = {value}" for name, value in found.changes.items())
    failed = f", {found.failed} failed" if found.failed else ""
    return (
        f"search: {found.trials} trials ({found.resumed} of them before){failed}; {WORDS[found.figure]} held out "
        f"{number(found.value)}, as written {number(found.own)}; {changes}"
    )


def trial(one: Trial) -> str:
    """A trial in a few words."""
    said = f"failed ({one.reason})" if one.value is None else number(one.value)
    return f"(this {said}, best {number(one.best)})"


def listed(entries: Sequence[tuple[Entry, Mapping[str, int]]]) -> str:
    """A line a model: the newest version of each, and where its aliases point."""
    rows = [["model", "task", "estimator", "newest", "aliases", "trained", "rows", "owner"]]
    for entry, aliases in entries:
        manifest = entry.manifest
        pointing = ", ".join(f"{alias}={version}" for alias, version in sorted(aliases.items()))
        kind = str(manifest.recipe.estimator.get("kind", ""))
        made = day(manifest.facts.made_at_ns)
        size = str(manifest.facts.data.rows)
        rows.append(
            [entry.name, manifest.task.value, kind, str(entry.version), pointing, made, size, manifest.facts.owner]
        )
    return columns(rows)


def shown(entry: Entry, aliases: Mapping[str, int], history: Sequence[Pointing] = ()) -> str:
    """All that is known of a stored model; of its history the newest steps."""
    manifest, facts = entry.manifest, entry.manifest.facts
    mine = ", ".join(alias for alias, version in sorted(aliases.items()) if version == entry.version)
    rows = [
        ["model", f"{entry.name}@{entry.version}" + (f" ({mine})" if mine else "")],
        ["trained", f"{day(facts.made_at_ns)}{' by ' + facts.owner if facts.owner else ''}"],
        ["data", f"{facts.data.rows} rows of {', '.join(source.name for source in facts.data.sources)}"],
        ["label", _labelled(facts.data)],
        ["channels", few(manifest.channels)],
        *([["classes", ", ".join(manifest.classes)]] if manifest.classes else []),
        *([name, number(value)] for name, value in facts.metrics.items()),
        *(["warning", warning] for warning in facts.warnings),
        ["where", entry.url],
        *(_stepped(step) for step in history[-STEPS:]),
    ]
    return columns(rows) + "\n\n" + recipe_text(manifest.recipe)


def few(names: Sequence[str]) -> str:
    """Names in a line; of very many the first, and how many more: a test bench has hundreds."""
    more = len(names) - CHANNELS
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:CHANNELS])} and {more} more"


def _labelled(data: Data) -> str:
    """The column of labels, and how many rows or units bear which."""
    counts = ", ".join(f"{count} {name}" for name, count in data.counts.items())
    return " ".join(part for part in (data.label or "none", f"({counts})" if counts else "") if part)


def _stepped(step: Pointing) -> list[str]:
    """A row on who let an alias point elsewhere."""
    who, why = f" by {step.who}" if step.who else "", f": {step.why}" if step.why else ""
    return [day(step.at_ns), f"{step.alias} {step.old or 'none'} -> {step.new or 'none'}{who}{why}"]


def kinds(every: Sequence[Kind]) -> str:
    """What a recipe may name, below the part that names it."""
    lines: list[str] = []
    part = ""
    for one in every:
        if one.part != part:
            part = one.part
            lines += ["", part] if lines else [part]
        keys = ", ".join(f"{name} = {default}" for name, default in one.keys.items())
        lines += [f"  {one.kind}" + (f"  ({keys})" if keys else ""), f"      {one.says}"]
    return "\n".join(lines)


def day(at_ns: int) -> str:
    """A moment for people.

    >>> day(0)
    '1970-01-01 00:00Z'
    """
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%MZ")


def _between(found: Evaluation, name: str) -> str:
    low, high = found.intervals.get(name, (None, None))
    return "" if low is None else f"{number(low)} to {number(high)}"


def plain(found: Evaluation) -> dict[str, object]:
    """An evaluation for programs."""
    return {
        "task": found.task.value,
        counted(found): found.rows,
        **found.figures,
        "beside": dict(found.beside),
        "intervals": {name: list(between) for name, between in found.intervals.items()},
    }


def counted(found: Evaluation) -> str:
    """What an evaluation counts."""
    return "units" if found.task is Task.OUTCOME else "rows"


def plain_entry(entry: Entry, aliases: Mapping[str, int] | None = None) -> dict[str, object]:
    """A stored model for programs, with where the aliases of its name point if that is told."""
    facts = entry.manifest.facts
    return {
        "name": entry.name,
        "version": entry.version,
        **({} if aliases is None else {"aliases": dict(aliases)}),
        "task": entry.manifest.task.value,
        "made_at": day(facts.made_at_ns),
        "rows": facts.data.rows,
        "owner": facts.owner,
        "metrics": dict(facts.metrics),
        "url": entry.url,
    }


def as_plain(made: Made) -> dict[str, object]:
    """A training for programs."""
    table, entry = made.rows.table, made.model.entry
    return {
        **(plain_entry(entry) if entry is not None else {}),
        "rows": table.rows,
        "stretches": len(table.stretches),
        "channels": list(table.channels),
        "warnings": list(made.model.warnings),
        "search": None if made.found is None else _plain_search(made.found),
        "held_out": None if made.judged is None else plain(made.judged),
    }


def _plain_search(found: Found) -> dict[str, object]:
    return {
        "figure": found.figure,
        "value": found.value,
        "as_written": found.own,
        "trials": found.trials,
        "failed": found.failed,
        "resumed": found.resumed,
        "changes": dict(found.changes),
    }
