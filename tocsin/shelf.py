"""The detectors that a config names: the self-learning one, and champions of the registry."""

import logging
from collections.abc import Mapping

import msgspec

from models.contract import Detector
from models.registry.errors import RegistryError
from models.selflearning.online import Online
from stream.detectors import OFF, SELF_LEARNING, Shelf
from tocsin.model_place import registry
from tocsin.places import models_url
from wire.config import Config
from wire.settings import Loaded

log = logging.getLogger(__name__)


class Champions(msgspec.Struct, frozen=True):
    """The models that a config names, by name: those that are to be had, and why others are not."""

    found: Mapping[str, Detector]
    missing: Mapping[str, str]


def named(config: Config) -> Mapping[str, int]:
    """Names of trained models in a config, and the place among the device rules where each stands first."""
    places: dict[str, int] = {}
    for place, rule in enumerate(config.devices):
        if rule.model and rule.model not in {OFF, SELF_LEARNING}:
            places.setdefault(rule.model, place)
    return places


def champions(loaded: Loaded) -> Champions:
    """Load what is named; where nothing is, no library that models are made with is loaded either."""
    found: dict[str, Detector] = {}
    missing: dict[str, str] = {}
    for name in named(loaded.config):
        try:
            found[name] = registry(models_url(loaded)).load(name)
        except RegistryError as error:
            missing[name] = str(error)
        except ImportError as error:
            missing[name] = f"{error.name or error} is not installed: pip install 'tocsin[models]'"
        except Exception as error:
            # What a file makes of a library is not foreseen; a model that cannot be had must not stop the others.
            log.exception("model %s cannot be loaded", name)
            missing[name] = f"it cannot be loaded: {type(error).__name__}: {error}"
    return Champions(found, missing)


def shelf(loaded: Loaded) -> Shelf:
    """For the core; the devices of a model that cannot be had say so by an alarm, and learn by themselves."""
    at_hand = champions(loaded)
    for name, why in at_hand.missing.items():
        log.warning("model %s is not to be had, the self-learning detector watches instead: %s", name, why)
    return Shelf([Online(), *at_hand.found.values()], missing=at_hand.missing)
