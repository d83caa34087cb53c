import msgspec
import numpy as np

from models.catalogue.run_table import run_table
from models.runs.row import KEYS
from tests.console.fakes import T0
from tests.models.catalogue.plant import run
from wire.messages import NS_PER_S, Run


def ended(name: str, state: str, at: int, **row: float) -> Run:
    cells = {column.replace("__", "/"): value for column, value in row.items()}
    return msgspec.structs.replace(run(name, state=state, at_ns=T0 + at * NS_PER_S), row=cells)


def test_a_run_is_a_row_in_the_order_of_start_with_columns_in_the_order_of_measuring() -> None:
    runs = [
        ended("late", "fail", 9, A__x=1.0, B__x=4.0),
        ended("early", "pass", 1, A__x=2.0, A__y=3.0),
        ended("off", "aborted", 5, A__x=0.0),
    ]
    table = run_table(runs)
    assert list(table.columns) == [*KEYS, "A/x", "A/y", "B/x"]
    assert list(table["run"]) == ["early", "late"]
    assert list(table["outcome"]) == ["pass", "fail"]
    assert table["time"][0] == "2026-09-21T14:13:20.000000000Z"
    cells = table[["A/x", "A/y", "B/x"]].to_numpy()
    assert np.array_equal(cells, [[2.0, 3.0, np.nan], [1.0, np.nan, 4.0]], equal_nan=True)


def test_a_run_says_how_many_it_stands_for() -> None:
    runs = [ended("one", "pass", 1), msgspec.structs.replace(ended("spared", "fail", 2), weight=20.0)]
    assert list(run_table(runs)["weight"]) == [1.0, 20.0]


def test_no_runs_are_an_empty_table_with_its_keys() -> None:
    table = run_table([])
    assert (len(table), list(table.columns)) == (0, list(KEYS))
