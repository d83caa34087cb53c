"""`tocsin models watch` and `retrain`, of a stopped box and of one that runs."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from models.registry.folder import CANDIDATE, CHAMPION
from tests.tocsin.keeping.workshop import DEVICE, NAME, Workshop
from tests.tocsin.plant import tocsin, up
from tocsin.examining.check import check

CONFIG = """
store = "duckdb:store.duckdb"
registry = "folder:models"
[[edge.sources]]
type = "host"
every = "1h"
[[devices]]
match = "pump-*"
model = "pump"
every = "30s"
running_when = "current > 0.5"
[[models]]
name = "pump"
recipe = "pump.toml"
history = "36500d"
[retention]
readings = "36500d"
scores = "36500d"
[console]
listen = "127.0.0.1:{port}"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A stopped box whose pump has drifted since its model was trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOCSIN_MLFLOW", "off")
        patch.delenv("TOCSIN_REGISTRY", raising=False)
        shop = Workshop(tmp_path_factory.mktemp("plant"))
        (shop.folder / "tocsin.toml").write_text(CONFIG.format(port=free_port()))
        with shop.store:
            shop.trained(*shop.lives(48))
            shop.lives(24, off={"flow": 90.0})
        yield shop


@pytest.fixture
def config(shop: Workshop) -> Path:
    return shop.folder / "tocsin.toml"


def test_a_look_at_a_stopped_box_names_what_drifts(config: Path) -> None:
    assert check(config) == []
    found = tocsin("models", "watch", NAME, "-c", config)
    assert found.exit_code == 1, found.output
    assert f"{NAME}@1" in found.stdout
    (line,) = [line for line in found.stdout.splitlines() if line.startswith(DEVICE)]
    assert "DRIFT" in line
    assert "flow lies" in line
    told = json.loads(tocsin("models", "watch", NAME, "-c", config, "--json").stdout)
    assert told["looked"][0]["stands"]


def test_a_recipe_that_is_not_there_is_told_of_before_a_training_would_miss_it(config: Path, tmp_path: Path) -> None:
    text = config.read_text().replace("pump.toml", "pumps.toml")
    wrong = tmp_path / "tocsin.toml"
    wrong.write_text(text.replace("folder:models", f"folder:{config.parent / 'models'}"))
    (problem,) = check(wrong)
    assert problem.key == "models[0].recipe"
    assert "no recipe 'pumps.toml'" in problem.what


def test_what_is_not_kept_or_not_there_is_refused_with_what_would_help(config: Path) -> None:
    found = tocsin("models", "retrain", "mill", "-c", config)
    assert found.exit_code == 2
    assert 'no [[models]] with name = "mill"' in found.stderr
    found = tocsin("models", "watch", "mill", "-c", config)
    assert found.exit_code == 1
    assert "has no model 'mill'" in found.output


def test_a_stopped_box_is_trained_from_and_so_is_one_that_runs(config: Path, shop: Workshop) -> None:
    found = tocsin("models", "retrain", NAME, "-c", config)
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith(f"{NAME}@2: trained on ")
    assert shop.registry.aliases(NAME) == {CHAMPION: 1, CANDIDATE: 2}
    with up(config) as box:
        box.ready()
        found = tocsin("models", "retrain", NAME, "-c", config, "--json")
        assert found.exit_code == 0, found.output + box.said
        assert json.loads(found.stdout)["version"] == 3
        found = tocsin("models", "watch", NAME, "-c", config)
        assert found.exit_code == 1, found.output
        assert "DRIFT" in found.stdout
        assert box.end(signal.SIGTERM) == 0, box.said
    assert shop.registry.aliases(NAME) == {CHAMPION: 1, CANDIDATE: 3}
