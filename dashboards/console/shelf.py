"""What the API and the page say of stored models; a damaged one is told of and hides no other."""

import msgspec

from models.registry.errors import RegistryError
from models.registry.folder import CANDIDATE, CHAMPION, Entry, Registry


class Standing(msgspec.Struct, frozen=True):
    """A model: its versions, what its aliases point at, and the version that is used."""

    name: str
    versions: tuple[int, ...]
    aliases: dict[str, int]
    entry: Entry | None = None  # of the champion; of the newest version where there is none
    trouble: str = ""  # why it cannot be read

    @property
    def champion(self) -> int | None:
        """The version that is used."""
        return self.aliases.get(CHAMPION)

    @property
    def candidate(self) -> int | None:
        """The version that may follow it."""
        return self.aliases.get(CANDIDATE)


def standings(registry: Registry) -> list[Standing]:
    """All models by name. Raises RegistryError where the registry itself cannot be read."""
    return [standing(registry, name) for name in registry.names()]


def standing(registry: Registry, name: str) -> Standing:
    """One model; with no versions where there is none."""
    versions, aliases = tuple(registry.versions(name)), dict[str, int]()
    try:
        aliases = registry.aliases(name)
        entry = registry.entry(name, aliases.get(CHAMPION, max(versions, default=0)))
    except RegistryError as error:
        return Standing(name, versions, aliases, trouble=str(error))
    return Standing(name, versions, aliases, entry)
