import re
import shlex
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from models import recipe as recipes
from models.decide import Decision
from models.kinds import kinds
from tests.test_texts import struct_fields
from tests.tocsin import bench
from tests.tocsin.plant import tocsin

TEXT = (Path(__file__).parent.parent.parent / "docs/models.md").read_text(encoding="utf-8")
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "Top level": recipes.Recipe,
    "`[columns]`": recipes.Columns,
    "`[calibration]`": recipes.Calibration,
    "`[decision]`": Decision,
    "`[gate]`": recipes.Gate,
}
WORDS = {"note": "none", "estimator": "needed to train"}  # defaults that are said in words
NESTED = {"columns", "calibration", "decision", "gate"}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_of_a_recipe_is_documented_with_its_default(section: str) -> None:
    body = TEXT.split(f"### {section}\n", 1)[1].split("\n#", 1)[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (.*?) \| .+ \|$", body, re.MULTILINE))
    expected = struct_fields(SECTIONS[section])
    if section == "Top level":
        expected |= WORDS | {name: f"see `[{name}]`" for name in NESTED}
    assert documented == expected


def blocks(kind: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    return [body for name, body in found if name == kind]


def test_every_recipe_of_the_text_is_one() -> None:
    assert [recipes.parse(block).task.value for block in blocks("toml")] == ["anomaly", "anomaly", "outcome"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the text supposes a person to have: recordings, and the recipes that it shows."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_REGISTRY", raising=False)
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    for name, text in zip(("pump.toml", "search.toml", "line.toml"), blocks("toml"), strict=True):
        Path(name).write_text(text)
    bench.put(Path("may.csv"), bench.pump(rows=1200).drop(columns="fault"))
    bench.put(Path("june.csv"), bench.pump(rows=1200, worn_from=900))
    Path("runs").mkdir()
    for seed in range(3):
        bench.put(Path(f"runs/{seed}.csv"), bench.pump(seed=seed, rows=400, worn_from=300))
    bench.put(Path("engines.csv"), bench.engines(8))
    bench.put(Path("flights.csv"), bench.engines(3, seed=1))
    tested = bench.units(120).drop(columns="grade")
    bench.put(Path("tested.csv"), tested)
    bench.put(Path("first-seconds.csv"), tested[tested["second"] < 2].drop(columns="result"))
    return tmp_path


@pytest.mark.slow
def test_the_commands_of_the_text_do_what_it_says_word_for_word(folder: Path) -> None:
    typed = [shlex.split(line) for block in blocks("") for line in block.splitlines()]
    assert [words[0] for words in typed] == ["tocsin"] * len(typed)
    said = {}
    for words in typed:
        result = tocsin(*words[1:])
        assert result.exit_code == 0, f"{' '.join(words)}: {result.output}"
        said[" ".join(words[:4])] = result.stdout
    compared = said["tocsin models compare quick"].splitlines()
    assert compared[0].split() == ["quick@1", "own@1"]
    assert any(line.startswith("events found") for line in compared)
    assert "REFUSED" not in said["tocsin models gate own"]
    assert "own@2 is the champion" in said["tocsin models promote own@candidate"]
    assert "own@1 is the champion again" in said["tocsin models rollback own"]
    assert "search: 12 trials" in said["tocsin train search.toml --data"]
    assert recipes.load("best.toml").search
    assert {"quick", "own", "tuned", "engine", "line"} <= {path.name for path in (folder / "data/models").iterdir()}
    assert list(pd.read_csv("lives.csv").columns[:5]) == ["unit", "cycle", "life", "life_low", "life_high"]
    assert list(pd.read_csv("calls.csv").columns[:3]) == ["unit", "second", "p_fail"]
    for name in blocks("text")[0].split():
        if name.startswith("data/models/own/2"):
            assert Path(name).is_file()


def test_every_column_of_results_and_every_variable_is_documented() -> None:
    for name in ("life_low", "life_high", "p_fail", "predicted", "score", "threshold", "alarm", "contribution_CHANNEL"):
        assert f"`{name}`" in TEXT
    for name in ("TOCSIN_REGISTRY", "TOCSIN_ALLOW", "TOCSIN_MLFLOW", "TOCSIN_TOKEN"):
        assert name in TEXT


def test_what_may_be_named_by_kind_is_listed_with_its_keys() -> None:
    listed = tocsin("models", "kinds").stdout
    for one in kinds():
        assert f"  {one.kind}" in listed
        assert one.says in listed
        assert len(one.says) > 20 or one.kind in {"value", "lag"}
        assert all(f"{key} = " in listed for key in one.keys)
