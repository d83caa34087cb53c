"""Which versions of a model are at work: the champion, those before it to fall back on, and a candidate beside it."""

import msgspec

from models.succession import followed


class Versions(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one model, as model changes have set them; 0 = none said."""

    champion: int = 0
    before: tuple[int, ...] = ()  # champions before it, newest last
    candidate: int = 0

    @property
    def previous(self) -> int:
        """The version to fall back on, 0 = none."""
        return self.before[-1] if self.before else 0

    @property
    def shadow(self) -> int:
        """The version that scores beside the champion, 0 = none."""
        return self.candidate if self.candidate != self.champion else 0

    def promoted(self, version: int) -> "Versions":
        """With another champion.

        >>> Versions(1).promoted(2), Versions(1).promoted(2).promoted(1)
        (Versions(champion=2, before=(1,), candidate=0), Versions(champion=1, before=(), candidate=0))
        """
        return Versions(version, followed(self.before, self.champion, version), self.candidate)

    def tried(self, version: int) -> "Versions":
        """With another candidate, or with none."""
        return Versions(self.champion, self.before, version)

    @staticmethod
    def stored(record: "int | Versions") -> "Versions":
        """As it was written down; an update finds the number of the champion alone."""
        return Versions(record) if isinstance(record, int) else record
