"""A model taken apart for its folder, and put together again: all but what it learnt follows from its manifest."""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.contract import Job
from models.features.table import bank
from models.recipe import Recipe, RecipeError
from models.registry.errors import ModelDamagedError, RegistryError
from models.registry.manifest import Manifest
from models.registry.payload import packed, unpacked
from models.trained import Trained


def assembled(manifest: Manifest, payload: bytes, where: str, *, allow: Sequence[str] = ()) -> Trained:
    """The model; raises ModelDamagedError, ModelRefusedError."""
    normaliser, head = unpacked(payload, where, allow=allow)
    try:
        features = bank(manifest.recipe, len(manifest.channels))
    except RecipeError as error:
        msg = f"{where}: its recipe is not one of this Tocsin: {error}"
        raise ModelDamagedError(msg) from error
    model = Trained(
        name=manifest.name,
        version=manifest.version,
        task=manifest.task,
        channels=manifest.channels,
        decision=manifest.recipe.decision,
        normaliser=normaliser,
        bank=features,
        head=head,
        classes=manifest.classes,
        words=manifest.words,
    )
    _try_out(model, where)
    return model


def _try_out(model: Trained, where: str) -> None:
    """Score a few rows: numbers of another manifest, or of a Tocsin that kept other ones, fail here and not later."""
    shown = np.zeros((model.bank.warm + 1, len(model.channels)))
    t_ns, on = np.arange(len(shown), dtype=np.int64), np.ones(len(shown), dtype=np.bool_)
    try:
        model.advance([Job(state=model.cold(len(model.channels)), t_ns=t_ns, rows=shown, running=on)])
    except Exception as error:  # what numbers make of code that does not know them is not foreseen
        msg = f"{where}: does not fit its manifest or this Tocsin: {error!r}; train it anew"
        raise ModelDamagedError(msg) from error


def dismantled(model: Trained, recipe: Recipe, *, allow: Sequence[str] = ()) -> bytes:
    """Its payload; raises RegistryError where recipe and model do not belong together, ModelRefusedError."""
    plain = msgspec.convert(msgspec.json.decode(msgspec.json.encode(recipe)), Recipe)  # as it will be read
    follows = (plain.task, plain.decision, bank(plain, len(model.channels)))
    if (model.task, model.decision, model.bank) != follows:
        msg = f"{model.name}: task, decision or features of the model are not those of its recipe"
        raise RegistryError(msg)
    return packed(model.normaliser, model.head, allow=allow)
