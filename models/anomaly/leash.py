"""A learnt normal that follows slow change, at most a stated distance from where training left it."""

from dataclasses import dataclass

import numpy as np

from models.contract import F64, I64

BLOCK = 60  # rows: so often the normal moves a step


@dataclass(frozen=True)
class Leash:
    """Keeps q numbers of how far the normal has moved, and q of what the rows since the last step ask for."""

    rows: float  # the normal gets about two thirds of the way in so many; 0: it stands still
    length: float  # root of the mean square of the first `measured` numbers, at most
    measured: int

    def memory(self, wide: int) -> int:
        """Numbers to keep of a device."""
        return 2 * wide if self.rows else 0

    def follow(self, memory: F64, looks: F64, age: I64) -> tuple[F64, F64]:
        """Looks (k x q) as seen from the moved normal, and the memory after them.

        Steps are taken where the age is a multiple of BLOCK and sums run in the order of the rows: no split matters.
        """
        if not self.rows:
            return looks, memory
        moved, asked = memory.reshape(2, -1)
        out = np.empty_like(looks)
        ends = np.flatnonzero((age + 1) % BLOCK == 0) + 1
        begin = 0
        for end in (*ends.tolist(), len(looks)):
            part = slice(begin, end)
            np.subtract(looks[part], moved, out=out[part])
            asked = np.cumsum(np.concatenate([asked[None], out[part]]), axis=0)[-1]
            if end > begin and (age[end - 1] + 1) % BLOCK == 0:
                moved, asked = self._step(moved, asked), np.zeros_like(asked)
            begin = end
        return out, np.concatenate([moved, asked])

    def _step(self, moved: F64, asked: F64) -> F64:
        wanted = moved + asked / self.rows
        far = float(np.sqrt((wanted[: self.measured] ** 2).mean()))
        return wanted * min(1.0, self.length / far) if far else wanted
