"""Where the limit lies: so many of the rows that a model was not fitted on may pass it."""

from collections.abc import Callable

import numpy as np

from models.contract import F64
from models.head import Training, TrainingError

FEWEST = 10  # rows to fit on
LEAST = 1e-12


def limit(training: Training, scores: Callable[[Training, Training], F64]) -> float:
    """The limit by the recipe's calibration; raises TrainingError where no block of rows can be held out.

    `scores(fitted, held)`: what a model of some rows says of others, in no unit.
    """
    calibration = training.recipe.calibration
    held = [
        scores(training.part(fitted), training.part(out))
        for fitted, out in training.folds(calibration.folds)
        if fitted.sum() > FEWEST
    ]
    if not held:
        msg = f"{training.rows} rows are too few to set a limit from {calibration.folds} held-out blocks"
        raise TrainingError(msg)
    wanted = float(np.quantile(np.concatenate(held), 1.0 - calibration.false_alarm_rate))
    return max(calibration.multiple * wanted, LEAST)
