"""The wide row of a run."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.runs.row import cells, is_margin, is_seconds, layout, margin, row_of, step_of, took, values
from wire.readings import Measured, StepEnded

TRAPS = ["x.margin", ".seconds", "%2F", "x%2Emargin", "%2Eseconds", "%252E"]
NAMES = st.text(st.sampled_from("ab/.%é"), min_size=1, max_size=6) | st.sampled_from(TRAPS)


def measured(step: str, name: str, value: float | str | bool, *limits: float | None) -> Measured:  # noqa: FBT001 -- a measurement is a number, a text or a bool
    low, high = limits or (None, None)
    return Measured(run="r1", step=step, name=name, value=value, low=low, high=high)


def test_a_row_has_value_margin_and_seconds_in_the_order_of_the_events() -> None:
    row = values(
        [
            measured("S1", "torque", 9.0, 5.0, 10.0),
            measured("S1", "ok", True),
            measured("S1", "serial", "A-17"),
            StepEnded(run="r1", step="S1", duration_s=2.0),
            measured("S2", "leak", 0.5, None, 1.0),
            StepEnded(run="r1", step="S2"),
        ]
    )
    assert list(row.items()) == [
        ("S1/torque", 9.0),
        ("S1/torque.margin", 0.2),
        ("S1/ok", 1.0),
        ("S1/.seconds", 2.0),
        ("S2/leak", 0.5),
        ("S2/leak.margin", 0.5),
    ]


def test_the_last_of_repeated_measurements_stands_where_the_first_stood() -> None:
    row = values([measured("S1", "x", 1.0), measured("S1", "y", 2.0), measured("S1", "x", 3.0)])
    assert list(row.items()) == [("S1/x", 3.0), ("S1/y", 2.0)]


@pytest.mark.parametrize(
    ("value", "low", "high", "room"),
    [
        (5.0, 0.0, 10.0, 0.5),
        (-1.0, 0.0, 10.0, -0.1),
        (5.0, 5.0, 5.0, 0.0),
        (4.0, 5.0, 5.0, -0.2),
        (3.0, 2.0, None, 0.5),
        (3.0, 0.0, None, 3.0),
        (3.0, None, 0.0, -3.0),
        (3.0, -math.inf, 4.0, 0.25),
        (3.0, None, None, None),
        (3.0, math.nan, math.inf, None),
    ],
)
def test_a_margin_is_below_nothing_outside_the_limits(
    value: float, low: float | None, high: float | None, room: float | None
) -> None:
    assert margin(value, low, high) == (None if room is None else pytest.approx(room))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_measured(value: float) -> None:
    assert all(math.isnan(cell) for cell in cells(measured("S1", "x", value, 0.0, 1.0)).values())
    assert math.isnan(took("S1", value)["S1/.seconds"])


@given(st.lists(st.tuples(NAMES, NAMES), unique=True, min_size=1, max_size=8))
def test_any_names_keep_their_columns_apart_and_their_steps_known(named: list[tuple[str, str]]) -> None:
    row = values([measured(step, name, 0.5, 0.0, 1.0) for step, name in named])
    times = {column: 1.0 for step, _ in named for column in took(step, 1.0)}
    assert len(row) == 2 * len(named)
    assert not row.keys() & times.keys()
    assert {step_of(column) for column in row} == {step for step, _ in named}
    assert sum(map(is_margin, row)) == len(named)
    assert all(map(is_seconds, times))
    assert not any(map(is_seconds, row))


def test_a_layout_puts_what_only_some_runs_have_behind_what_it_follows() -> None:
    rows = [
        ["A/x", "A/.seconds", "C/x"],
        ["A/x", "A/y", "A/.seconds", "B/x", "C/x", "C/y"],
        ["0/x", "A/x", "C/y", "D/x"],
        ["C/x", "A/x"],
    ]
    assert layout(rows) == ("0/x", "A/x", "A/y", "A/.seconds", "B/x", "C/x", "C/y", "D/x")


def test_planned_steps_stand_in_the_order_of_the_plan() -> None:
    assert layout([["C/x"], ["A/x", "C/x"], ["B/x"]], steps=["A", "B", "C"]) == ("A/x", "B/x", "C/x")


def test_a_row_is_laid_on_a_layout() -> None:
    row = row_of(values([measured("B", "x", 2.0)]), ("A/x", "B/x"))
    assert math.isnan(row[0])
    assert row[1] == 2.0
