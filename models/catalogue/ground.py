"""Where a catalogue gets its facts: the ports it asks, and what it reads of the registry, each manifest once."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from models.catalogue.entries import DataSet, Moved
from models.registry.errors import RegistryError
from models.registry.folder import Registry
from models.registry.manifest import Manifest
from store.port import Reader
from wire.config import Config

MOST_VERSIONS = 50  # of a model, the newest


def _none() -> Sequence[Moved]:
    return ()


def _no_sets() -> Sequence[DataSet]:
    return ()


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; `moved` are files that went out and came in (`note` adds one), `archives` what is archived."""

    reader: Reader
    config: Config
    models: Registry | None = None
    moved: Callable[[], Sequence[Moved]] = _none
    note: Callable[[Moved], None] = lambda _: None
    archives: Callable[[], Sequence[DataSet]] = _no_sets


class Stored(msgspec.Struct, frozen=True):
    """All manifests with the aliases of each model, and what could not be read."""

    manifests: tuple[Manifest, ...] = ()
    aliases: Mapping[str, Mapping[str, int]] = {}
    notes: tuple[str, ...] = ()

    def of(self, name: str, version: int) -> Manifest | None:
        """The manifest of a version."""
        return next((each for each in self.manifests if (each.name, each.version) == (name, version)), None)


class Shelf:
    """Reads manifests, which never change once they are there, and remembers those of the last look."""

    def __init__(self, models: Registry | None) -> None:
        """Nothing is read yet."""
        self._models = models
        self._known: Mapping[tuple[str, int], Manifest] = {}

    def look(self) -> Stored:
        """Everything stored; a damaged version is a note and hides no other."""
        if self._models is None:
            return Stored(notes=("no registry is configured here",))
        manifests: dict[tuple[str, int], Manifest] = {}
        aliases: dict[str, Mapping[str, int]] = {}
        notes: list[str] = []
        try:
            names = self._models.names()
        except RegistryError as error:
            return Stored(notes=(str(error),))
        for name in names:
            try:
                aliases[name] = self._models.aliases(name)
                versions = self._models.versions(name)
            except RegistryError as error:
                notes.append(str(error))
                continue
            if len(versions) > MOST_VERSIONS:
                notes.append(f"{name} has {len(versions)} versions, of which the newest {MOST_VERSIONS} are told of")
            for version in versions[-MOST_VERSIONS:]:
                self._read(name, version, manifests, notes)
        self._known = manifests
        return Stored(tuple(manifests.values()), aliases, tuple(notes))

    def _read(self, name: str, version: int, found: dict[tuple[str, int], Manifest], notes: list[str]) -> None:
        assert self._models is not None
        known = self._known.get((name, version))
        try:
            found[name, version] = known or self._models.entry(name, version).manifest
        except RegistryError as error:
            notes.append(str(error))
