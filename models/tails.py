"""How odd is too odd: a limit for each band and channel, from the largest oddness of past epochs."""

import numpy as np

from models.contract import F64
from models.memory import BAND_SPANS, BANDS, BLOCK, Memory

EPOCHS = np.array([max(1, 2 * span // BLOCK) for span in BAND_SPANS], dtype=np.float64)[:, None, None]  # in blocks
TYPICAL, SCATTER, PRIOR = 3.0, 0.5, 4.0  # what is supposed of an epoch's largest oddness, worth so many epochs
REACH = 12.0  # mean deviations above the typical largest oddness
MARGIN = 1.3  # above the largest ever learnt
DOUBT = 8.0  # epochs at which the limit is twice what it will be
LONGEST = 1000.0  # epochs remembered
FADING = 1.0 / 4000


def epochs(memory: Memory) -> F64:
    """Epochs seen, (BANDS, c, D)."""
    return memory["count"] / (EPOCHS * BLOCK)


def cold(memory: Memory) -> None:
    """Set what is supposed before anything is seen."""
    memory["typical"] = TYPICAL
    memory["scatter"] = SCATTER


def limits(memory: Memory) -> F64:
    """The oddness that counts as 1.0, (BANDS, c, D); honestly wide while little is seen."""
    top = np.maximum(memory["typical"] + REACH * memory["scatter"], MARGIN * memory["peak"])
    return top * (1.0 + DOUBT / np.maximum(epochs(memory), 1.0))


def learn(memory: Memory, largest: F64, limit: F64, ringing: F64) -> None:
    """Take the largest oddness of a block (BANDS, c, D); what is `ringing` (BANDS, c, D) teaches nothing."""
    epoch = memory["epoch"]
    epoch[:] = np.maximum(epoch, np.where(ringing > 0, 0.0, np.minimum(largest, limit)))
    over = (memory["blocks"] % EPOCHS == 0) & (epoch > 0)
    pace = np.where(over, 1.0 / (np.minimum(epochs(memory), LONGEST) + PRIOR), 0.0)
    miss = epoch - memory["typical"]
    memory["typical"] += pace * miss
    memory["scatter"] += pace * (np.abs(miss) - memory["scatter"])
    memory["peak"] = np.where(over, np.maximum(memory["peak"] * (1.0 - FADING), epoch), memory["peak"])
    epoch[:] = np.where(over, 0.0, epoch)


assert EPOCHS.shape[0] == BANDS
