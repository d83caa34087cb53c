from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.anomaly.mahalanobis import Distance as Head
from models.contract import Detector, Job, Scored, Task
from models.fitting.training import train
from models.recipe import load, shipped
from models.registry.errors import ModelDamagedError
from models.registry.folder import Registry
from models.registry.manifest import Facts
from models.trained import Trained
from models.watching.reference import NoReferenceError, Reference
from models.watching.training import of_training
from tests.models.made import TRAINED, fitted, recipe, recorded
from tests.stream.plant import Distance
from tocsin.modelling.gating import tried
from tocsin.modelling.place import ModelError
from tocsin.modelling.shelf import KEPT, Shelf, tried_out


class Loads:
    """A registry of versions 1 to 9 of a pump, of which some are spoilt; counts what was loaded."""

    def __init__(self) -> None:
        self.champion, self.spoilt, self.loaded = 3, set[int](), list[int]()

    def __call__(self, name: str, version: int | str) -> Detector:
        number = self.champion if isinstance(version, str) else version
        self.loaded.append(number)
        if number in self.spoilt:
            msg = f"{name}/{number}: damaged"
            raise ModelDamagedError(msg)
        return Distance(name, number)


def test_version_0_is_the_champion_of_when_it_was_first_asked_for() -> None:
    loads = Loads()
    shelf = Shelf(loads, ["pump"])
    first = shelf.find("pump", 0)
    loads.champion = 4
    assert first is not None
    assert first.version == 3
    assert shelf.find("pump", 0) is first
    assert shelf.find("pump", 3) is first
    assert loads.loaded == [3]


def test_few_versions_are_kept_and_others_are_loaded_when_asked_for() -> None:
    loads = Loads()
    shelf = Shelf(loads, ["pump"])
    for version in (*range(1, KEPT + 2), 1, KEPT + 1):
        found = shelf.find("pump", version)
        assert found is not None
        assert found.version == version
    assert loads.loaded == [*range(1, KEPT + 2), 1]


def test_what_cannot_be_had_stays_so_until_it_is_fetched_and_says_why() -> None:
    loads = Loads()
    loads.spoilt = {5}
    shelf = Shelf(loads, ["pump"])
    assert shelf.find("pump", 5) is None
    loads.spoilt = set()
    assert shelf.find("pump", 5) is None
    assert shelf.why("pump", 5) == "pump/5: damaged"
    assert loads.loaded == [5]
    assert shelf.fetch("pump", 5) is not None
    assert shelf.find("pump", 5) is not None


def test_only_what_is_named_is_looked_for() -> None:
    loads = Loads()
    shelf = Shelf(loads, ["pump"])
    assert shelf.find("mill", 1) is None
    assert shelf.find("online", 0) is not None
    assert shelf.find("online", 2) is None
    assert not loads.loaded


class Odd(Distance):
    """Fails on its first rows, or is warm and has nothing to say."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__("pump", 1)
        self._fails = fails

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        if self._fails:
            msg = "no such leaf"
            raise IndexError(msg)
        nothing = [np.full(len(job.t_ns), np.nan, np.float32) for job in jobs]
        return [
            Scored(job.state, none, none[:, None], 1.0, np.zeros(len(none), np.bool_))
            for job, none in zip(jobs, nothing, strict=True)
        ]


@pytest.mark.parametrize(
    ("fails", "why"),
    [(True, "it cannot be loaded: IndexError: no such leaf"), (False, "it gives no number for any of 256 rows")],
)
def test_a_model_that_fails_or_says_nothing_when_tried_out_is_not_put_to_work(why: str, *, fails: bool) -> None:
    shelf = Shelf(lambda _name, _version: Odd(fails=fails), ["pump"])
    assert shelf.find("pump", 1) is None
    assert shelf.why("pump", 1) == why


@pytest.mark.parametrize("name", TRAINED)
def test_every_kind_of_model_speaks_when_tried_out(name: str) -> None:
    model = fitted(name)
    assert tried_out(model) == ""
    assert tried_out(model, usual(model)) == ""


@pytest.mark.parametrize("name", [name for name in shipped() if load(name).task is not Task.ONLINE])
@pytest.mark.filterwarnings("ignore")  # so few made rows worry some of them
def test_what_is_learnt_by_any_shipped_recipe_speaks_when_tried_out(name: str) -> None:
    shipped_one = load(name)
    model = train(shipped_one, recorded(shipped_one.task), name=name).model
    assert tried_out(model) == ""
    assert tried_out(model, usual(model)) == ""


@pytest.mark.parametrize("known", [True, False])
def test_a_model_that_says_the_same_of_everything_is_not_put_to_work(*, known: bool) -> None:
    model = fitted("mahalanobis")
    assert isinstance(model.head, Head)
    deaf = replace(model, head=replace(model.head, whiten=0.0 * model.head.whiten))
    why = tried_out(deaf, usual(model) if known else None)
    assert why == "it says 0.00 of every row, whatever the row holds"


def test_such_a_model_is_not_promoted_by_hand_either(tmp_path: Path) -> None:
    model, where = fitted("mahalanobis"), Registry.open(str(tmp_path))
    assert isinstance(model.head, Head)
    for made in (model, replace(model, head=replace(model.head, whiten=0.0 * model.head.whiten))):
        where.save(made, recipe("mahalanobis"), Facts(made_at_ns=1))
    tried("mahalanobis", 1, where)
    with pytest.raises(ModelError, match=r"mahalanobis@2: it says 0\.00 of every row"):
        tried("mahalanobis", 2, where)


def usual(model: Trained) -> Reference | None:
    with suppress(NoReferenceError):
        return of_training(model, recorded(model.task))
    return None
