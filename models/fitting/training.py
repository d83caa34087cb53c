"""From a recipe and recorded rows to a fitted model; knows nothing of files."""

import msgspec
import numpy as np

from models.contract import F64, Task
from models.estimators import estimator
from models.features.bank import Bank
from models.features.normalise import Normaliser, normaliser
from models.features.table import bank as bank_of
from models.fitting.soundness import checked, few, sane
from models.head import Doubting, Estimator, Training, TrainingError, Weighing
from models.recipe import Recipe
from models.table import Stretch, Table
from models.trained import Trained


class Fitted(msgspec.Struct, frozen=True):
    """A model, and what a person should know of how it came about."""

    model: Trained
    warnings: tuple[str, ...] = ()


def train(recipe: Recipe, table: Table, *, name: str = "model", version: int = 1) -> Fitted:
    """Fit a model; the same recipe, rows and seed give the same scores. Raises RecipeError, TrainingError."""
    if recipe.task is Task.ONLINE:
        msg = "a model of task 'online' learns by itself while it scores: give its recipe to `score`, without training"
        raise TrainingError(msg)
    table, absurd = sane(table, recipe.task)
    warnings = (*absurd, *checked(table, recipe.task))
    if recipe.task is Task.ANOMALY:
        table = _normal_only(table)
        warnings += few(table.stretches)
    scale = normaliser(recipe.normalise).fit(table.stacked())
    bank = bank_of(recipe, len(table.channels))
    training, kind = _training(recipe, table, bank, scale), estimator(recipe)
    head = kind.fit(training)
    warnings += _unweighed(kind, training) + (head.doubts(training) if isinstance(head, Doubting) else ())
    model = Trained(
        name=name,
        version=version,
        task=recipe.task,
        channels=table.channels,
        decision=recipe.decision,
        normaliser=scale,
        bank=bank,
        head=head,
        classes=table.classes,
        words=table.words,
    )
    return Fitted(model=model, warnings=warnings)


def _training(recipe: Recipe, table: Table, bank: Bank, scale: Normaliser) -> Training:
    """The features of all warm rows."""
    rows = [scale.apply(stretch.rows) for stretch in table.stretches]
    run = bank.run([bank.cold() for _ in rows], rows)
    age = np.concatenate([np.arange(len(mine)) for mine in rows])
    warm = age + 1 >= bank.warm
    if not warm.any():
        longest = int(age.max(initial=-1)) + 1
        msg = (
            f"the longest stretch has {longest} rows, the recipe's features need {bank.warm} before they mean anything"
        )
        raise TrainingError(msg)
    return Training(
        x=np.concatenate([made for made, _ in run]),
        label=table.labels(),
        stretch=np.concatenate([np.full(len(mine), at) for at, mine in enumerate(rows)]),
        age=age,
        t_ns=np.concatenate([stretch.t_ns for stretch in table.stretches]),
        channels=len(table.channels),
        recipe=recipe,
        classes=table.classes,
        names=table.channels,
        weight=_weights(table),
        led=bank.warm - 1,
    ).part(warm)


def _weights(table: Table) -> F64 | None:
    """None where each row stands for itself."""
    weights = table.weights()
    return weights if (weights != 1.0).any() else None


def _unweighed(kind: Estimator, training: Training) -> tuple[str, ...]:
    if training.weight is None or isinstance(kind, Weighing):
        return ()
    count = int((training.weight != 1.0).sum())
    return (f"{count} rows stand for more or fewer than themselves: this kind of estimator counts each as one",)


def _normal_only(table: Table) -> Table:
    """The stretches between rows that are labelled anomalous, each a stretch of its own."""
    parts: list[Stretch] = []
    for stretch in table.stretches:
        wrong = np.zeros(len(stretch.t_ns), dtype=np.bool_) if stretch.label is None else stretch.label == 1
        if not wrong.any():
            parts.append(stretch)
            continue
        cuts = np.flatnonzero(np.diff(wrong.astype(np.int8))) + 1
        pieces = np.split(np.arange(len(wrong)), cuts)
        parts += [stretch.part(rows) for rows in pieces if len(rows) and not wrong[rows[0]]]
    if not parts:
        msg = "every row is labelled as anomalous: there is nothing normal to learn from"
        raise TrainingError(msg)
    return msgspec.structs.replace(table, stretches=tuple(parts))
