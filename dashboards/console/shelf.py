"""What the API and the page say of stored models; a damaged one is told of and hides no other."""

from collections.abc import Mapping

import msgspec

from models.registry.errors import RegistryError
from models.registry.folder import CANDIDATE, CHAMPION, Entry, Registry

replace = msgspec.structs.replace


class Standing(msgspec.Struct, frozen=True):
    """A model: its versions, what its aliases point at, and the version that is used."""

    name: str
    versions: tuple[int, ...]
    aliases: dict[str, int]
    entry: Entry | None = None  # of the champion; of the newest version where there is none
    trouble: str = ""  # why it cannot be read, or is not at work as its aliases say

    @property
    def champion(self) -> int | None:
        """The version that is used."""
        return self.aliases.get(CHAMPION)

    @property
    def candidate(self) -> int | None:
        """The version that may follow it."""
        return self.aliases.get(CANDIDATE)


def standings(registry: Registry, troubles: Mapping[str, str]) -> list[Standing]:
    """All models by name, and the troubles of those at work. Raises RegistryError where no model can be looked for."""
    found = [standing(registry, name) for name in registry.names()]
    return [each if each.trouble else replace(each, trouble=troubles.get(each.name, "")) for each in found]


def standing(registry: Registry, name: str) -> Standing:
    """One model; with no versions where there is none."""
    versions, aliases = tuple(registry.versions(name)), dict[str, int]()
    try:
        aliases = registry.aliases(name)
        entry = registry.entry(name, aliases.get(CHAMPION, max(versions, default=0)))
    except RegistryError as error:
        return Standing(name, versions, aliases, trouble=str(error))
    return Standing(name, versions, aliases, entry)
