"""Hyper-parameters tuned within the training rows: each trial is fitted on some stretches and judged by others."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from models.contract import Task
from models.fitting.splits import Split, splits
from models.fitting.trial import Found, Told, Trial, figure, held_out, silent
from models.head import TrainingError
from models.judging.evaluation import EvaluationError, evaluation
from models.recipe import Recipe, RecipeError, changed
from models.table import Table

WIDE = 20.0  # a range whose ends are so many times apart is searched by size, not by difference
TIE = 1e-6  # of a figure: so much are rings in all rows instead of none worth, which decides between equals
REASON = "reason"  # why a trial failed
OVER = (TrialState.COMPLETE, TrialState.FAIL)
BREAKS = (TrainingError, RecipeError, EvaluationError, ValueError, ArithmeticError, LookupError, TypeError)


def search(recipe: Recipe, table: Table, *, trials: int, timed: bool, journal: Path, told: Told = silent) -> Found:
    """The best of so many trials of `recipe.search`; goes on where the journal for the same recipe and rows ends.

    `timed`: rows carry times of day. Raises RecipeError, TrainingError.
    """
    if not recipe.search:
        msg = 'the recipe has no [search]: name what may change, as in "estimator.span" = [2, 20]'
        raise RecipeError(msg)
    parts = splits(table, recipe.task, timed=timed, unit_rows=recipe.columns.unit_rows)
    space = {name: _distribution(values) for name, values in recipe.search.items()}
    study, done = _study(recipe, table, journal)
    if not study.trials:
        study.enqueue_trial(_own(recipe, space))
    for _ in range(done, trials):
        trial = study.ask(dict(space))
        value, reason = _tried(recipe, trial.params, parts)
        trial.set_user_attr(REASON, reason)
        study.tell(trial, value, state=TrialState.COMPLETE if value is not None else TrialState.FAIL)
        told(_over(study, trials, recipe, value, reason))
    return _found(study, recipe, done, len(table.classes))


def _tried(recipe: Recipe, params: Mapping[str, object], parts: Sequence[Split]) -> tuple[float | None, str]:
    """What a trial is worth, more is better; or why it failed."""
    try:
        classes = parts[0].fit.classes
        plan = changed(recipe, _plain(recipe, params))
        figures = evaluation(held_out(plan, parts), plan, classes, drawn=False).figures
        value = figures[figure(recipe.task, len(classes))]
    except BREAKS as error:
        return None, str(error) or type(error).__name__
    if value is None or not np.isfinite(value):
        return None, "its figure cannot be told from the rows held out"
    rung = figures.get("far") or 0.0
    return (-value if recipe.task is Task.LIFE else value) - TIE * rung, ""


def _distribution(values: Sequence[object]) -> BaseDistribution:
    """(low, high) as a range, anything else as choices."""
    if len(values) == 2 and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):  # noqa: PLR2004 -- two ends
        low, high = (float(str(value)) for value in values)
        wide = low > 0 and high / low >= WIDE
        if all(isinstance(value, int) for value in values):
            return IntDistribution(int(low), int(high), log=wide)
        return FloatDistribution(low, high, log=wide)
    return CategoricalDistribution([json.dumps(value) for value in values])


def _plain(recipe: Recipe, params: Mapping[str, object]) -> dict[str, object]:
    """Values as a recipe has them."""
    ranges = {
        name for name, values in recipe.search.items() if not isinstance(_distribution(values), CategoricalDistribution)
    }
    return {name: value if name in ranges else json.loads(str(value)) for name, value in params.items()}


def _own(recipe: Recipe, space: Mapping[str, BaseDistribution]) -> dict[str, object]:
    """What the recipe says by itself, where it lies in what is searched."""
    plain = msgspec.json.decode(msgspec.json.encode(recipe))
    own: dict[str, object] = {}
    for name, kind in space.items():
        value = _at(plain, name.split("."))
        shown = json.dumps(value) if isinstance(kind, CategoricalDistribution) else value
        if value is not None and _inside(kind, shown):
            own[name] = shown
    return own


def _at(plain: object, steps: Sequence[str]) -> object:
    """What stands at a dotted name; None if nothing does."""
    for step in steps:
        if isinstance(plain, dict):
            plain = plain.get(step)
        elif isinstance(plain, list) and step.isdecimal() and int(step) < len(plain):
            plain = plain[int(step)]
        else:
            return None
    return plain


def _inside(kind: BaseDistribution, value: object) -> bool:
    try:
        return bool(kind._contains(kind.to_internal_repr(value)))  # noqa: SLF001 -- the library has no public way
    except (ValueError, TypeError):
        return False


def _study(recipe: Recipe, table: Table, journal: Path) -> tuple[optuna.Study, int]:
    """The study of this very recipe on these very rows, and how many of its trials are over."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    digest = sha256(msgspec.json.encode(recipe))
    for stretch in table.stretches:
        digest.update(np.ascontiguousarray(stretch.rows).tobytes())
        digest.update(b"" if stretch.label is None else stretch.label.tobytes())
    try:
        study = optuna.create_study(
            study_name=digest.hexdigest(),
            storage=JournalStorage(JournalFileBackend(str(journal))),
            direction="maximize",
            load_if_exists=True,
        )
    except (json.JSONDecodeError, LookupError) as error:
        msg = f"{journal} is damaged, perhaps by a crash: take it away to begin the search anew"
        raise TrainingError(msg) from error
    done = len(study.get_trials(deepcopy=False, states=OVER))
    # A seed of its own for each start: with the same one, a search that goes on would draw its first values again.
    study.sampler = optuna.samplers.TPESampler(seed=recipe.seed + done)
    return study, done


def _over(study: optuna.Study, trials: int, recipe: Recipe, value: float | None, reason: str) -> Trial:
    over = study.get_trials(deepcopy=False, states=OVER)
    best = max((trial.value for trial in over if trial.value is not None), default=None)
    return Trial(len(over), trials, _figure(recipe, value), _figure(recipe, best), reason)


def _figure(recipe: Recipe, worth: float | None) -> float | None:
    return worth if worth is None else -worth if recipe.task is Task.LIFE else worth


def _found(study: optuna.Study, recipe: Recipe, done: int, classes: int) -> Found:
    over = study.get_trials(deepcopy=False, states=OVER)
    good = [trial for trial in over if trial.value is not None]
    if not good:
        msg = f"all {len(over)} trials failed, the last one so: {over[-1].user_attrs.get(REASON)}"
        raise TrainingError(msg)
    best = max(good, key=lambda trial: (trial.value or 0.0, -trial.number))
    changes = _plain(recipe, best.params)
    return Found(
        recipe=changed(recipe, changes),
        figure=figure(recipe.task, classes),
        value=_figure(recipe, best.value) or 0.0,
        own=_figure(recipe, over[0].value) if over[0].number == 0 else None,
        trials=len(over),
        failed=len(over) - len(good),
        resumed=done,
        changes=changes,
    )
