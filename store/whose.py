"""Whose scores are asked for; knows nothing of a database."""

import msgspec

from store.sets import Scorer
from wire.messages import Role


class Whose(msgspec.Struct, frozen=True):
    """Those of a role, and of one model or version where it is named."""

    role: Role = "champion"
    model: str = ""
    version: int = 0

    def fits(self, scorer: Scorer) -> bool:
        """Whether the scores of a scorer are asked for."""
        named = (not self.model or scorer.model == self.model) and (not self.version or scorer.version == self.version)
        return named and scorer.role == self.role
