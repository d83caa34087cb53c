"""How odd is too odd: a limit for each band and channel, from the largest oddness that was part of the normal."""

import numpy as np

from models.contract import F64, Bools
from models.selflearning.memory import BAND_SPANS, BLOCK, FRESH, SETTLED, Memory

EPOCHS = np.array([max(1, 2 * span // BLOCK) for span in BAND_SPANS], dtype=np.float64)[:, None, None]  # in blocks
LOWEST = np.array([3.0, 3.0, 2.5, 2.0, 2.0, 3.0, 2.5, 2.0, 2.0])[:, None, None]  # so far plain noise comes in any case
MARGIN = 2.0  # above the largest that was normal
DOUBT = {SETTLED: 3.0, FRESH: 60.0}  # how much wider before anything is seen ...
HALF = 6.0  # ... half of it after so many epochs, then falling with their root
STEP = 1.4  # growth of the largest at one raise
PATIENCE = 1.2  # growth of experience from one raise of the largest to the next
MEMORY_ROWS = 1e6  # rows after which the largest is forgotten
_EACH = 1.0 / (EPOCHS * BLOCK)  # of an epoch a row is so much
_FADING = 1.0 - np.minimum(EPOCHS * BLOCK / MEMORY_ROWS, 0.1)
_DOUBTS = np.array([DOUBT[SETTLED], DOUBT[FRESH]])[:, None, None, None]


def epochs(memory: Memory) -> F64:
    """Epochs seen, settled and fresh, (2, BANDS, c, D)."""
    rows = np.empty((2, *memory["count"].shape))
    np.minimum(memory["fresh_rows"], memory["count"], out=rows[FRESH])
    np.subtract(memory["count"], rows[FRESH], out=rows[SETTLED])
    return rows[:, None] * _EACH


def limits(memory: Memory, seen: F64) -> F64:
    """The oddness that counts as 1.0, settled and fresh (2, BANDS, c, D); honestly wide while few epochs were seen."""
    wide = np.sqrt(seen / HALF)
    wide += 1.0
    np.divide(_DOUBTS, wide, out=wide)
    wide += 1.0
    wide *= MARGIN * np.maximum(memory["peak"], LOWEST)
    return wide


def learn(memory: Memory, context: int, largest: F64, verdict: tuple[F64, F64, Bools], mine: Bools) -> None:
    """Take the largest oddness of a block, (BANDS, c, D), for the devices (D) that are in this context.

    `verdict`: epochs seen before it, limits, and what still stands over its limit, which must wait.

    The largest that is normal may be raised by two fifths once while experience grows by a fifth: a load step that
    comes again is learnt, but what grows steadily is not swallowed, and a wild value does not blind.
    """
    seen, limit, stands = verdict
    running = memory["epoch"][context]
    here = np.maximum(running, np.minimum(largest, limit))
    running[...] = np.where(mine, np.where(stands, 0.0, here), running)
    ends = memory["blocks"] % EPOCHS[:, 0] == 0
    due = np.flatnonzero(ends.any(axis=1))
    epoch, peak, raised = (memory[name][context][due] for name in ("epoch", "peak", "raised"))
    over = mine & ends[due, None] & (epoch > 0)
    now = seen[due] + 1.0
    usual = np.maximum(peak, LOWEST[due])
    higher = over & (epoch > usual) & (now >= raised * PATIENCE)
    faded = peak * _FADING[due]
    memory["peak"][context, due] = np.where(higher, np.minimum(epoch, STEP * usual), np.where(over, faded, peak))
    memory["raised"][context, due] = np.where(higher, now, raised)
    memory["epoch"][context, due] = np.where(over, 0.0, epoch)
