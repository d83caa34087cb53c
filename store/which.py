"""Which scores, runs and labels are asked for; knows nothing of a database."""

import msgspec

from store.box.sets import Scorer
from wire.messages import Label, Role, Run


class Whose(msgspec.Struct, frozen=True):
    """Those of a role, and of one model or version where it is named."""

    role: Role = "champion"
    model: str = ""
    version: int = 0

    def fits(self, scorer: Scorer) -> bool:
        """Whether the scores of a scorer are asked for."""
        named = (not self.model or scorer.model == self.model) and (not self.version or scorer.version == self.version)
        return named and scorer.role == self.role


class WhichRuns(msgspec.Struct, frozen=True):
    """Which runs are asked for; "" is any."""

    procedure: str = ""
    station: str = ""
    unit: str = ""
    state: str = ""
    since_ns: int = 0
    limit: int = 1000
    rows: bool = True

    def fits(self, run: Run) -> bool:
        """Whether a run is among them."""
        asked = ((self.procedure, run.procedure), (self.station, run.station), (self.unit, run.unit))
        state = not self.state or self.state == run.state
        return state and run.changed_ns >= self.since_ns and all(not want or want == is_ for want, is_ in asked)


class WhichLabels(msgspec.Struct, frozen=True):
    """Which labels are asked for; "" is any."""

    label: str = ""
    device: str = ""
    run: str = ""
    since_ns: int = 0
    withdrawn: bool = False
    limit: int = 1000

    def fits(self, label: Label) -> bool:
        """Whether a label is among them."""
        about = (not self.device or label.device == self.device) and (not self.run or label.run == self.run)
        about = about and self.label in {"", label.id}
        return about and label.at_ns >= self.since_ns and (self.withdrawn or not label.withdrawn_by)
