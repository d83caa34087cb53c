from pathlib import Path

import msgspec
import pytest

from models.registry import history
from models.registry.errors import ModelDamagedError, ModelMissingError
from models.registry.folder import ALIASES, CHAMPION, HISTORY, Registry
from models.registry.history import MOST, Pointing
from models.registry.manifest import Facts
from tests.models.made import fitted, recipe

NAME = "mewma"


@pytest.fixture
def where(tmp_path: Path) -> Registry:
    """Three versions, the first of them champion."""
    registry = Registry.open(str(tmp_path))
    for _ in range(3):
        registry.save(fitted(NAME), recipe(NAME), Facts(made_at_ns=1))
    return registry


def champion(where: Registry) -> int:
    return where.aliases(NAME)[CHAMPION]


def test_every_pointing_is_kept_with_who_and_why(where: Registry) -> None:
    where.point(NAME, CHAMPION, 2, who="ada", why="hears more")
    where.point(NAME, CHAMPION, 2, who="bob")  # nothing changes
    assert where.roll_back(NAME, who="bob", why="rings at starts") == 1
    assert [(p.alias, p.old, p.new, p.who, p.why) for p in where.history(NAME)] == [
        (CHAMPION, 1, 2, "ada", "hears more"),
        (CHAMPION, 2, 1, "bob", "rings at starts"),
    ]


def test_going_back_twice_goes_back_two_versions_and_then_no_further(where: Registry) -> None:
    where.point(NAME, CHAMPION, 2)
    where.point(NAME, CHAMPION, 3)
    assert (where.roll_back(NAME), where.roll_back(NAME), champion(where)) == (2, 1, 1)
    with pytest.raises(ModelMissingError, match="no version was before it"):
        where.roll_back(NAME)


def test_a_version_that_is_gone_is_not_gone_back_to(where: Registry, tmp_path: Path) -> None:
    where.point(NAME, CHAMPION, 2)
    (tmp_path / NAME / "1" / "manifest.json").unlink()
    with pytest.raises(ModelMissingError, match="version 1 is gone"):
        where.roll_back(NAME)
    assert champion(where) == 2


def test_a_crash_between_history_and_aliases_leaves_a_history_of_what_was(where: Registry, tmp_path: Path) -> None:
    where.point(NAME, CHAMPION, 2, who="ada")
    file = tmp_path / NAME / HISTORY
    torn = (*where.history(NAME), Pointing(at_ns=5, alias=CHAMPION, old=2, new=3, who="bob"))
    file.write_bytes(history.encoded(torn))
    assert [step.who for step in where.history(NAME)] == ["ada"]
    where.point(NAME, CHAMPION, 3, who="cy")
    assert [step.who for step in where.history(NAME)] == ["ada", "cy"]


def test_a_damaged_history_is_told_of_and_stops_no_promotion(where: Registry, tmp_path: Path) -> None:
    (tmp_path / NAME / HISTORY).write_bytes(b"[{]")
    with pytest.raises(ModelDamagedError, match="not a history"):
        where.history(NAME)
    where.point(NAME, CHAMPION, 2)
    assert [step.new for step in where.history(NAME)] == [2]


def test_a_registry_of_before_has_no_history_and_begins_one(where: Registry, tmp_path: Path) -> None:
    assert where.history(NAME) == ()
    assert not (tmp_path / NAME / HISTORY).exists()
    aliases = msgspec.json.decode((tmp_path / NAME / ALIASES).read_bytes())
    where.point(NAME, "candidate", 2)
    assert where.history(NAME)[0].old == aliases["candidate"] == 3
    assert champion(where) == 1


def test_a_history_is_bounded() -> None:
    steps = [Pointing(at_ns=at, alias=CHAMPION, old=at, new=at + 1) for at in range(MOST + 10)]
    kept = history.decoded(history.encoded(steps), "here")
    assert (len(kept), kept[-1].new) == (MOST, MOST + 10)
