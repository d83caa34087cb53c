"""A set as another plant might have written it: other names, order, units and clock; a recipe must not notice."""

import msgspec
import numpy as np

from models.table import Stretch, Table

LATER_NS = 1000 * 86_400 * 1_000_000_000


class Disguise:
    """Changes tables with the same channels in the same way: shuffled, renamed, a*x+b with a of either sign, later."""

    def __init__(self, channels: int, *, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.order = rng.permutation(channels)
        self.factor = np.exp(rng.uniform(-3.0, 3.0, channels)) * rng.choice([-1.0, 1.0], channels)
        self.offset = rng.normal(scale=100.0, size=channels)

    def __call__(self, table: Table) -> Table:
        """The changed copy."""
        names = tuple(f"x{at}" for at in range(len(self.order)))
        stretches = tuple(self._stretch(stretch) for stretch in table.stretches)
        return msgspec.structs.replace(table, channels=names, stretches=stretches)

    def _stretch(self, stretch: Stretch) -> Stretch:
        rows = stretch.rows[:, self.order] * self.factor + self.offset
        return msgspec.structs.replace(stretch, rows=rows, t_ns=stretch.t_ns + LATER_NS)
