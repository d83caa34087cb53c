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


def epochs(memory: Memory) -> F64:
    """Epochs seen, settled and fresh, (2, BANDS, c, D)."""
    fresh = np.minimum(memory["fresh_rows"], memory["count"])
    return np.stack([memory["count"] - fresh, fresh])[:, None] / (EPOCHS * BLOCK)


def limits(memory: Memory) -> F64:
    """The oddness that counts as 1.0, settled and fresh (2, BANDS, c, D); honestly wide while little is seen."""
    top: F64 = MARGIN * np.maximum(memory["peak"], LOWEST)
    seen = epochs(memory)
    for context, doubt in DOUBT.items():
        top[context] *= 1.0 + doubt / (1.0 + np.sqrt(seen[context] / HALF))
    return top


def learn(memory: Memory, context: int, largest: F64, limit: F64, stands: Bools, *, mine: Bools) -> None:
    """Take the largest oddness of a block, (BANDS, c, D), for the devices (D) that are in this context.

    What still `stands` over its limit must wait.

    The largest that is normal may be raised by two fifths once while experience grows by a fifth: a load step that
    comes again is learnt, but what grows steadily is not swallowed, and a wild value does not blind.
    """
    epoch, peak, raised = (memory[name][context] for name in ("epoch", "peak", "raised"))
    epoch[...] = np.where(mine, np.where(stands, 0.0, np.maximum(epoch, np.minimum(largest, limit))), epoch)
    over = mine & (memory["blocks"] % EPOCHS == 0) & (epoch > 0)
    now = epochs(memory)[context] + 1.0
    higher = over & (epoch > np.maximum(peak, LOWEST)) & (now >= raised * PATIENCE)
    faded = peak * (1.0 - np.minimum(EPOCHS * BLOCK / MEMORY_ROWS, 0.1))
    raised_peak = np.minimum(epoch, STEP * np.maximum(peak, LOWEST))
    peak[...] = np.where(higher, raised_peak, np.where(over, faded, peak))
    raised[...] = np.where(higher, now, raised)
    epoch[...] = np.where(over, 0.0, epoch)
