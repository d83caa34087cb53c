"""How many units like it each row stands for."""

import numpy as np
import pandas as pd

from models.contract import F64
from models.reading.clock import numbers_of
from models.reading.errors import ReadingError


def weights_of(column: pd.Series, where: str) -> F64:
    """Numbers above 0; a row of which nothing is said stands for itself. Raises ReadingError.

    >>> weights_of(pd.Series([20.0, None, 1.0]), "runs.csv: column 'weight'").tolist()
    [20.0, 1.0, 1.0]
    """
    numbers = numbers_of(column)
    if numbers is None or not ((numbers > 0) & (numbers < np.inf) | np.isnan(numbers)).all():
        msg = f"{where}: expected numbers above 0, how many units like it each row stands for"
        raise ReadingError(msg)
    return np.where(np.isnan(numbers), 1.0, numbers)
