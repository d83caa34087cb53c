import logging
import os
from functools import partial
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from models.registry.errors import RegistryError
from models.registry.folder import Registry
from models.registry.manifest import Digest, Facts, encoded
from stream.models.herald import Wanted
from tests.models.made import fitted, recipe
from tests.models.registry.test_payload import Stranger, stored
from tests.tocsin.modelling.test_shelf import Loads
from tocsin.modelling.shelf import Shelf
from tocsin.modelling.swapping import AGAIN_S, Swapping


class Plant:
    """A shelf, aliases and a clock that a test turns."""

    def __init__(self) -> None:
        self.loads = Loads()
        self.aliases: dict[str, int] = {"champion": 1}
        self.lost, self.now_s = False, 0.0
        self.swapping = Swapping(Shelf(self.loads, ["pump"]), self._aliases, clock_s=lambda: self.now_s)

    def _aliases(self, _name: str) -> dict[str, int]:
        if self.lost:
            msg = "no such bucket"
            raise RegistryError(msg)
        return self.aliases

    def look(self) -> list[tuple[str, int, str]]:
        self.swapping.look()
        return [(wish.role, wish.version, wish.trouble) for wish in self.swapping.wanted]


def test_what_aliases_point_at_is_wanted_once_it_is_loaded() -> None:
    plant = Plant()
    assert plant.look() == [("champion", 1, ""), ("candidate", 0, "")]
    plant.aliases = {"champion": 2, "candidate": 3}
    assert plant.look() == [("champion", 2, ""), ("candidate", 3, "")]
    plant.aliases = {"champion": 3, "candidate": 3}
    assert plant.look() == [("champion", 3, ""), ("candidate", 0, "")]
    assert plant.loads.loaded == [1, 2, 3]
    assert not plant.swapping.troubles


def test_a_version_that_cannot_be_had_is_told_of_and_tried_again_after_a_while() -> None:
    plant = Plant()
    plant.loads.spoilt = {2}
    plant.aliases = {"champion": 2}
    assert plant.look()[0] == ("champion", 2, "pump/2: damaged")
    assert plant.swapping.troubles == {"pump": "version 2 is not put to work: pump/2: damaged"}
    plant.loads.spoilt = set()
    assert plant.look()[0][2]
    assert plant.loads.loaded == [2]
    plant.now_s = AGAIN_S
    assert plant.look()[0] == ("champion", 2, "")
    assert not plant.swapping.troubles


def test_a_registry_that_is_out_of_reach_changes_nothing_and_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    plant = Plant()
    wanted = plant.look()
    plant.lost = True
    with caplog.at_level(logging.WARNING):
        assert plant.look() == wanted
        assert plant.look() == wanted
    assert plant.swapping.troubles == {"pump": "no such bucket"}
    assert len(caplog.messages) == 1


def test_a_model_without_a_champion_is_not_wanted() -> None:
    plant = Plant()
    plant.aliases = {}
    assert plant.look() == []
    assert Wanted("pump", "champion", 1) not in plant.swapping.wanted


def test_a_hostile_file_with_a_manifest_that_fits_it_is_not_put_to_work_and_runs_nothing(tmp_path: Path) -> None:
    registry = Registry.open(str(tmp_path / "models"))
    for _ in range(2):
        entry = registry.save(fitted("mewma"), recipe("mewma"), Facts(made_at_ns=1))
    payload = stored(Stranger(partial(os.system, f"touch {tmp_path}/ran")))
    (tmp_path / "models/mewma/2/payload.skops").write_bytes(payload)
    digest = Digest(sha256=sha256(payload).hexdigest(), size=len(payload))
    manifest = encoded(msgspec.structs.replace(entry.manifest, payload=digest))
    (tmp_path / "models/mewma/2/manifest.json").write_bytes(manifest)
    registry.point("mewma", "champion", 2)
    shelf = Shelf(registry.load, ["mewma"])
    in_force = shelf.find("mewma", 1)
    swapping = Swapping(shelf, registry.aliases)
    swapping.look()
    champion = swapping.wanted[0]
    assert (champion.role, champion.version) == ("champion", 2)
    assert "which no model of ours consists of" in champion.trouble
    assert shelf.find("mewma", 1) is in_force
    assert not (tmp_path / "ran").exists()
