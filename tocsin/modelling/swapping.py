"""Seeing that the registry's aliases point elsewhere: the new version is loaded beside the work, then it is wanted."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from models.registry.errors import RegistryError
from models.registry.folder import CANDIDATE, CHAMPION
from stream.models.herald import Wanted
from tocsin.modelling.place import registry
from tocsin.modelling.shelf import Shelf
from tocsin.places import models_url
from wire.settings import Loaded

POLL_S = 2.0
AGAIN_S = 30.0  # before a version that could not be had is tried again

log = logging.getLogger(__name__)


class Swapping:
    """Looks every POLL_S, in a thread of its own; `wanted` and `troubles` are replaced whole, for others to read."""

    def __init__(
        self,
        shelf: Shelf,
        aliases: Callable[[str], Mapping[str, int]],
        *,
        who: Callable[[str], str] = lambda _: "",
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf = shelf
        self._aliases = aliases
        self._who = who
        self._clock_s = clock_s
        self._again_s: dict[tuple[str, int], float] = {}
        self._known: dict[str, Sequence[Wanted]] = {}
        self.wanted: Sequence[Wanted] = ()
        self.troubles: Mapping[str, str] = {}  # by model

    def run(self, stop: threading.Event) -> None:
        """Look until told to stop; nothing to look at ends it at once."""
        while self._shelf.names and not stop.is_set():
            try:
                self.look()
            except Exception:
                log.exception("the registry could not be looked at")
            stop.wait(POLL_S)

    def look(self) -> None:
        """See where aliases point now, and load what is new."""
        troubles: dict[str, str] = {}
        for name in self._shelf.names:
            try:
                self._known[name] = list(self._wishes(name))
            except RegistryError as error:
                troubles[name] = str(error)  # what was wanted before is still wanted
                if self.troubles.get(name) != str(error):
                    log.warning("model %s: where its aliases point cannot be read: %s", name, error)
        told = [wish for wishes in self._known.values() for wish in wishes]
        asked = {(wish.name, wish.version) for wish in told}
        self._again_s = {key: at_s for key, at_s in self._again_s.items() if key in asked}
        self.wanted = tuple(told)
        for wish in told:
            if wish.trouble:
                troubles.setdefault(wish.name, f"version {wish.version} is not put to work: {wish.trouble}")
        self.troubles = troubles

    def _wishes(self, name: str) -> Sequence[Wanted]:
        aliases = self._aliases(name)
        champion, candidate = aliases.get(CHAMPION, 0), aliases.get(CANDIDATE, 0)
        if not champion:
            return []
        shadow = candidate if candidate != champion else 0
        return [
            Wanted(name, "champion", champion, self._trouble(name, champion), self._who(name)),
            Wanted(name, "candidate", shadow, self._trouble(name, shadow)),
        ]

    def _trouble(self, name: str, version: int) -> str:
        """Why a version cannot be put to work, "" if it can, from now on without anybody waiting for it."""
        if not version:
            return ""
        key, now_s = (name, version), self._clock_s()
        if now_s < self._again_s.get(key, now_s):
            return self._shelf.why(name, version)
        again = key in self._again_s
        if (self._shelf.fetch(name, version) if again else self._shelf.find(name, version)) is None:
            self._again_s[key] = now_s + AGAIN_S
            return self._shelf.why(name, version)
        self._again_s.pop(key, None)
        return ""


def swapping(loaded: Loaded, shelf: Shelf) -> Swapping:
    """For a config; the registry is opened anew at each look, for it may not be there yet."""

    def aliases(name: str) -> Mapping[str, int]:
        return registry(models_url(loaded)).aliases(name)

    def who(name: str) -> str:
        history = registry(models_url(loaded)).history(name)
        return history[-1].who if history else ""

    return Swapping(shelf, aliases, who=who)
