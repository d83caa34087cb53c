from collections.abc import Sequence

import numpy as np
import pytest

from models.contract import Detector, Job, Scored
from models.registry.errors import ModelDamagedError
from tests.models.made import TRAINED, fitted
from tests.stream.plant import Distance
from tocsin.shelf import KEPT, Shelf, tried_out


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
        (job,) = jobs
        none = np.full(len(job.t_ns), np.nan, np.float32)
        return [Scored(job.state, none, none[:, None], 1.0, np.zeros(len(none), np.bool_))]


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
    assert tried_out(fitted(name)) == ""
