import shutil
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from models.decide import Decision
from models.recipe import Recipe
from models.registry.errors import ModelDamagedError, ModelMissingError, RegistryError
from models.registry.folder import Registry
from models.registry.manifest import Facts, Manifest
from models.scoring import score
from models.table import Table
from models.trained import Trained


def scores(model: Trained, table: Table) -> bytes:
    (judged,) = score(model, table)
    return judged.scored.score.tobytes() + judged.scored.contributions.tobytes()


def test_a_stored_model_scores_to_the_bit_as_it_did(
    registry: Registry, model: Trained, recipe: Recipe, facts: Facts, table: Table
) -> None:
    entry = registry.save(model, recipe, facts)
    loaded = registry.load("pump")
    assert (entry.name, entry.version, loaded.version) == ("pump", 1, 1)
    assert (loaded.channels, loaded.words, loaded.decision) == (model.channels, model.words, model.decision)
    assert scores(loaded, table) == scores(model, table)


def test_its_manifest_tells_all_that_was_known(
    registry: Registry, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    registry.save(model, recipe, facts)
    manifest = registry.entry("pump", 1).manifest
    assert (manifest.recipe, manifest.seed, manifest.payload.size > 0) == (recipe, 7, True)
    assert msgspec.structs.replace(manifest.facts, code={}) == facts
    assert {"python", "tocsin", "numpy", "scikit-learn"} <= set(manifest.facts.code)


def test_the_first_version_is_champion_and_the_newest_later_one_candidate(
    registry: Registry, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    assert registry.names() == []
    made = [registry.save(model, recipe, facts).version for _ in range(3)]
    assert (made, registry.names(), registry.versions("pump")) == ([1, 2, 3], ["pump"], [1, 2, 3])
    assert registry.aliases("pump") == {"champion": 1, "candidate": 3}
    assert registry.load("pump", "candidate").version == registry.load("pump", "3").version == 3


def test_an_alias_is_pointed_elsewhere_and_dropped(
    registry: Registry, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    for _ in range(2):
        registry.save(model, recipe, facts)
    registry.point("pump", "champion", 2)
    registry.drop("pump", "candidate")
    assert (registry.aliases("pump"), registry.load("pump").version) == ({"champion": 2}, 2)
    with pytest.raises(ModelMissingError, match="has no pump 9; it has 1, 2, champion"):
        registry.point("pump", "champion", 9)
    with pytest.raises(RegistryError, match="no alias"):
        registry.point("pump", "3", 1)
    with pytest.raises(ModelMissingError, match="no model 'fan'"):
        registry.drop("fan", "candidate")
    assert registry.names() == ["pump"]


@pytest.mark.parametrize(
    ("name", "version", "told"),
    [
        ("pump", 2, "it has 1, champion"),
        ("pump", "candidate", "it has 1, champion"),
        ("fan", 1, "no model 'fan'.* pump"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    registry: Registry, model: Trained, recipe: Recipe, facts: Facts, *, name: str, version: int | str, told: str
) -> None:
    registry.save(model, recipe, facts)
    with pytest.raises(ModelMissingError, match=told):
        registry.load(name, version)


@pytest.mark.parametrize("name", ["../pump", "a/b", "", ".hidden", "..", "a\\b", "pump\n", "ü", "a" * 101])
def test_no_name_leads_out_of_the_folder(
    registry: Registry, model: Trained, recipe: Recipe, facts: Facts, name: str
) -> None:
    with pytest.raises(RegistryError, match="no name for a model"):
        registry.save(replace(model, name=name), recipe, facts)
    with pytest.raises(RegistryError, match="no name for a model"):
        registry.load(name)
    with pytest.raises(RegistryError, match="no name for a file"):
        registry.save(model, recipe, facts, files={f"../{name}": b""})


def test_card_and_plots_lie_beside_it_and_may_name_its_version(
    registry: Registry, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    def card(manifest: Manifest) -> Mapping[str, bytes]:
        return {"card.md": f"# {manifest.name} {manifest.version}".encode(), "scores.png": b"png"}

    entry = registry.save(model, recipe, facts, files=card)
    assert (registry.file(entry, "card.md"), registry.file(entry, "scores.png")) == (b"# pump 1", b"png")
    with pytest.raises(ModelMissingError, match=r"no 'other.png'; it has card.md, scores.png"):
        registry.file(entry, "other.png")


def test_a_model_and_another_recipe_are_not_stored_together(
    registry: Registry, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    other = msgspec.structs.replace(recipe, decision=Decision(k=1, n=2))
    with pytest.raises(RegistryError, match="not those of its recipe"):
        registry.save(model, other, facts)
    assert registry.names() == []


def test_no_two_of_many_savers_get_the_same_version(
    tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    made: list[int] = []

    def save() -> None:
        made.extend(Registry.open(str(tmp_path)).save(model, recipe, facts).version for _ in range(4))

    savers = [threading.Thread(target=save) for _ in range(4)]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()
    registry = Registry.open(str(tmp_path))
    assert sorted(made) == list(range(1, 17)) == registry.versions("pump")
    aliases = registry.aliases("pump")
    assert (len(aliases), aliases["candidate"]) == (2, 16 if aliases["champion"] != 16 else 15)


def test_a_half_written_version_is_not_there_and_its_number_not_used_again(
    tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    registry = Registry.open(str(tmp_path))
    registry.save(model, recipe, facts)
    (tmp_path / "pump/2").mkdir()
    (tmp_path / "pump/2/payload.skops").write_bytes(b"half")
    assert registry.versions("pump") == [1]
    assert registry.save(model, recipe, facts).version == 3


def test_the_number_of_a_version_that_was_removed_is_not_used_again(
    tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    registry = Registry.open(str(tmp_path))
    for _ in range(3):
        registry.save(model, recipe, facts)
    registry.point("pump", "champion", 2)
    registry.point("pump", "champion", 1)
    for gone in (2, 3):
        shutil.rmtree(tmp_path / f"pump/{gone}")
    assert registry.save(model, recipe, facts).version == 4
    assert registry.aliases("pump") == {"champion": 1, "candidate": 4}
    (tmp_path / "pump/aliases.json").write_bytes(b'{"champion": 1}')
    shutil.rmtree(tmp_path / "pump/4")
    assert registry.save(model, recipe, facts).version == 3  # that 2 was promoted is remembered, 4 never was


def test_no_number_in_a_folder_leads_versions_out_of_their_range(
    tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    registry = Registry.open(str(tmp_path))
    registry.save(model, recipe, facts)
    (tmp_path / "pump/99999999999999999999").mkdir()
    (tmp_path / "pump/aliases.json").write_bytes(b'{"champion": 1, "candidate": 2147483647}')
    assert registry.save(model, recipe, facts).version == 2
    assert registry.aliases("pump") == {"champion": 1, "candidate": 2}
    registry.point("pump", "champion", 2)
    assert registry.load("pump").version == 2


def test_a_training_that_fails_while_it_draws_its_card_leaves_no_version(
    registry: Registry, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    def card(manifest: Manifest) -> Mapping[str, bytes]:
        raise ZeroDivisionError(manifest.version)

    with pytest.raises(ZeroDivisionError):
        registry.save(model, recipe, facts, files=card)
    assert (registry.names(), registry.aliases("pump")) == ([], {})


def test_strangers_in_the_folder_are_passed_over(tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts) -> None:
    registry = Registry.open(str(tmp_path))
    registry.save(model, recipe, facts)
    for stranger in (".git", "empty", "pump/latest", "pump/01", "pump/-1", "lost+found"):
        (tmp_path / stranger).mkdir()
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / "pump/2").write_text("a file")
    assert (registry.names(), registry.versions("pump")) == (["pump"], [1])


def damage(manifest: bytes) -> list[tuple[bytes, str]]:
    plain = msgspec.json.decode(manifest)
    lacking = {key: value for key, value in plain.items() if key != "channels"}
    return [
        (manifest[:-20], "not a manifest"),
        (b"", "not a manifest"),
        (b"[" * 100_000, "not a manifest"),
        (b'"\xff"', "not a manifest"),
        (msgspec.json.encode(plain | {"format": 2}), "format 2, this Tocsin reads format 1"),
        (msgspec.json.encode(lacking), "missing required field `channels`"),
        (msgspec.json.encode(plain | {"version": 4}), "holds pump 4; was it copied there"),
        (
            msgspec.json.encode(plain | {"recipe": plain["recipe"] | {"features": [{"kind": "soul"}]}}),
            "not one of this",
        ),
    ]


def test_a_damaged_manifest_is_told_of(tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts) -> None:
    registry = Registry.open(str(tmp_path))
    registry.save(model, recipe, facts)
    path = tmp_path / "pump/1/manifest.json"
    for content, told in damage(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ModelDamagedError, match=told):
            registry.load("pump")


def test_fields_that_a_later_tocsin_writes_are_ignored(
    tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    registry = Registry.open(str(tmp_path))
    registry.save(model, recipe, facts)
    path = tmp_path / "pump/1/manifest.json"
    plain = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(plain | {"mood": 1, "facts": plain["facts"] | {"weather": "rain"}}))
    assert registry.load("pump").version == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1]",
        b'{"champion": "one"}',
        b'{"champion": -1}',
        b'{"champion": 0}',
        b'{"champion": 99999999999999999999}',
    ],
)
def test_damaged_aliases_are_told_of_and_mended_by_pointing(
    tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts, content: bytes
) -> None:
    registry = Registry.open(str(tmp_path))
    registry.save(model, recipe, facts)
    (tmp_path / "pump/aliases.json").write_bytes(content)
    with pytest.raises(ModelDamagedError, match=r"aliases\.json"):
        registry.load("pump")
    with pytest.raises(ModelDamagedError, match=r"aliases\.json"):
        registry.save(model, recipe, facts)
    assert (registry.load("pump", 1).version, registry.versions("pump")) == (1, [1])
    registry.point("pump", "champion", 1)
    assert registry.load("pump").version == 1


def test_a_payload_that_is_lost_or_changed_is_told_of(
    tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts
) -> None:
    registry = Registry.open(str(tmp_path))
    entry = registry.save(model, recipe, facts, files={"card.md": b"# pump"})
    payload, card = tmp_path / "pump/1/payload.skops", tmp_path / "pump/1/card.md"
    payload.write_bytes(payload.read_bytes()[:-1] + b"x")
    card.write_bytes(b"# pum")
    with pytest.raises(ModelDamagedError, match=r"payload\.skops: other bytes \([0-9]+ of them\) than"):
        registry.load("pump")
    with pytest.raises(ModelDamagedError, match=r"card\.md: other bytes \(5, not 6\) than its manifest names"):
        registry.file(entry, "card.md")
    payload.unlink()
    with pytest.raises(ModelMissingError, match=r"payload\.skops"):
        registry.load("pump")


@pytest.mark.parametrize("url", ["", "folder:", "folder: ", "nonsense://x/y"])
def test_what_is_no_place_is_no_registry(url: str) -> None:
    with pytest.raises(RegistryError, match="no registry"):
        Registry.open(url)


def test_a_disk_that_refuses_is_told_of(tmp_path: Path, model: Trained, recipe: Recipe, facts: Facts) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(RegistryError, match="models"):
        Registry.open(f"{tmp_path}/models").save(model, recipe, facts)


def test_numbers_that_do_not_fit_their_manifest_or_this_code_are_told_of_before_they_score(
    model: Trained, recipe: Recipe, facts: Facts, tmp_path: Path
) -> None:
    registry = Registry.open(str(tmp_path))
    registry.save(model, recipe, facts)
    manifest = tmp_path / "pump/1/manifest.json"
    plain = msgspec.json.decode(manifest.read_bytes())
    plain["recipe"]["features"].append({"kind": "value"})
    manifest.write_bytes(msgspec.json.encode(plain))
    with pytest.raises(ModelDamagedError, match="does not fit its manifest or this Tocsin"):
        registry.load("pump")
