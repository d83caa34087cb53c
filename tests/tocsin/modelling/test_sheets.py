import numpy as np
import pandas as pd
import pytest

from models.reading.errors import ReadingError
from tocsin.modelling.sheets import Data, sheets


@pytest.mark.parametrize("data", [None, 7, np.zeros((3, 2)), pd.Series([1.0, 2.0])], ids=str)
def test_what_is_neither_frames_nor_files_is_refused_by_what_it_is(data: Data) -> None:
    with pytest.raises(ReadingError, match=f"expected a pandas DataFrame.*got {type(data).__name__}"):
        sheets(data)
