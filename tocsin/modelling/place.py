"""Where trained models lie, and which one a name means."""

import os

import msgspec

from models.contract import Detector, Task
from models.online import detector
from models.recipe import Recipe, RecipeError
from models.registry.errors import ModelMissingError, RegistryError
from models.registry.folder import CHAMPION, Entry, Registry
from models.registry.manifest import is_name
from tocsin.modelling.recipes import recipe_of
from tocsin.options import DEFAULT
from tocsin.places import REGISTRY, models_url
from wire.config import Config
from wire.problem import SettingsError
from wire.settings import load as load_config

ALLOW = "TOCSIN_ALLOW"


class ModelError(Exception):
    """What was asked of models cannot be done; the message says why and what would help."""


class Model(msgspec.Struct, frozen=True):
    """A model ready to score, and the recipe it follows."""

    detector: Detector
    recipe: Recipe
    entry: Entry | None = None  # None: not stored
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it is called in tables."""
        return f"{self.entry.name}@{self.entry.version}" if self.entry else self.detector.name


def registry(url: str = "") -> Registry:
    """The registry at a URL, else TOCSIN_REGISTRY, else that of ./tocsin.toml, else ./data/models."""
    allow = [path.strip() for path in os.environ.get(ALLOW, "").split(",") if path.strip()]
    return Registry.open(url or os.environ.get(REGISTRY, "") or _configured(), allow=allow)


def _configured() -> str:
    if not DEFAULT.exists():
        return Config().registry
    try:
        loaded = load_config(DEFAULT)
    except SettingsError as error:
        msg = f"{error}; or name the registry in {REGISTRY}"
        raise ModelError(msg) from error
    return models_url(loaded)


def stored(name: str, where: Registry) -> Model:
    """A model by NAME (its champion), NAME@VERSION or NAME@ALIAS; raises RegistryError."""
    plain, _, version = name.partition("@")
    entry = where.entry(plain, version or CHAMPION)
    return Model(where.load(plain, entry.version), entry.manifest.recipe, entry)


def found(name: str, where: Registry) -> Model:
    """A stored model; or, since it needs no training, what a recipe of task online makes of rows. Raises ModelError."""
    missing: Exception | None = None
    if is_name(name.partition("@")[0]):
        try:
            return stored(name, where)
        except ModelMissingError as error:
            missing = error
        except RegistryError as error:
            raise ModelError(str(error)) from error
    try:
        recipe = recipe_of(name)
    except RecipeError as error:
        raise ModelError(str(missing or error)) from (missing or error)
    if recipe.task is not Task.ONLINE:
        msg = f"{name} is a recipe of task {recipe.task.value!r}: train a model first, tocsin train {name} --help"
        raise ModelError(msg)
    return online(recipe)


def online(recipe: Recipe) -> Model:
    """What a recipe of task online makes of rows without training; raises RecipeError."""
    return Model(detector(recipe), recipe)
