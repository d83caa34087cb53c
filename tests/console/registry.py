"""A registry with trained models, for the pages and the API that show them."""

from functools import partial
from pathlib import Path

import numpy as np

from models.cards.card import card
from models.contract import Task
from models.fitting.training import train
from models.recipe import Recipe
from models.registry.folder import Registry
from models.registry.manifest import Data, Facts, Source
from models.table import Stretch, Table
from wire.messages import NS_PER_S

MADE_NS = 1_780_000_000 * NS_PER_S
RECIPE = Recipe(task=Task.ANOMALY, note="Pumps of hall 3", estimator={"kind": "mahalanobis"})


def stored(
    folder: Path, *names: str, channels: tuple[str, ...] = ("load", "humidity"), warnings: tuple[str, ...] = ()
) -> Registry:
    """One version of each name; a name may stand there again."""
    registry = Registry.open(str(folder))
    rows = np.random.default_rng(0).normal(size=(200, len(channels)))
    stretch = Stretch(name="a", t_ns=np.arange(200, dtype=np.int64) * NS_PER_S, rows=rows)
    table = Table(channels=channels, stretches=(stretch,))
    facts = Facts(
        made_at_ns=MADE_NS,
        data=Data(sha256="ab" * 32, rows=200, sources=(Source(name="pump.csv", sha256="cd" * 32, rows=200),)),
        metrics={"held_out.f1": 0.9126, "held_out.far": None},
        warnings=warnings,
        owner="maintenance",
    )
    for name in names:
        model = train(RECIPE, table, name=name).model
        registry.save(model, RECIPE, facts, files=partial(card, model=model, table=table))
    return registry
