from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.registry.folder import Registry
from models.registry.manifest import Facts
from models.scoring import score
from tests.models.made import TRAINED, fitted, recipe, recorded


@pytest.mark.parametrize("name", TRAINED)
def test_every_model_of_ours_is_stored_small_and_scores_again_as_it_did(tmp_path: Path, name: str) -> None:
    model, registry = fitted(name), Registry.open(str(tmp_path))
    title = name.replace(" ", "-")
    entry = registry.save(replace(model, name=title), recipe(name), Facts(made_at_ns=0))
    assert entry.manifest.payload.size <= 20_000_000
    table = recorded(recipe(name).task)
    for before, after in zip(score(model, table), score(registry.load(title), table), strict=True):
        assert np.array_equal(before.scored.score, after.scored.score, equal_nan=True)
        assert np.array_equal(before.scored.contributions, after.scored.contributions)
        assert (before.scored.outlook is None) == (after.scored.outlook is None)
        if before.scored.outlook is not None and after.scored.outlook is not None:
            assert np.array_equal(before.scored.outlook, after.scored.outlook, equal_nan=True)
