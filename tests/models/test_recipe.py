from pathlib import Path

import pytest

from models.recipe import RecipeError, load, shipped


def test_a_folder_of_data_that_is_called_like_a_shipped_recipe_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in shipped():
        (tmp_path / name).mkdir()
        assert load(name) == load(f"{name}.toml")


def test_a_file_of_ones_own_goes_before_a_shipped_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "skab.toml").write_text('task = "life"\n', encoding="utf-8")
    assert load("skab.toml").task == "life"


def test_a_folder_and_a_name_that_is_none_are_refused_with_the_names_there_are(tmp_path: Path) -> None:
    for name in (tmp_path, tmp_path / "none.toml", Path("nothing-here")):
        with pytest.raises(RecipeError, match="name a file, or one of ai4i, asd"):
            load(name)
