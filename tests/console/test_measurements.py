"""Which of the values that benches said under the name of a run are shown as its own, and with which limits."""

import math

import msgspec

from dashboards.console.measurements import Measurement, measurements
from dashboards.console.pages.run_chart import silence
from models.runs.row import values
from tests.store.benches import advice, measured, over, run
from wire.config import Procedure
from wire.messages import Advice, Measured, Step

STEPS = tuple(Step(name, 1, 1.0, 1) for name in ("S02", "S01"))


def _over(*said: Measured) -> list[Measurement]:
    """Those of a run into which all but what came from elsewhere was taken."""
    row = values(event for event in said if event.station == "press, left")
    return measurements(msgspec.structs.replace(over("r1", "fail"), row=row, steps=STEPS), said)


def test_a_value_that_stands_is_shown_with_its_own_unit_and_limits_in_the_order_of_the_steps() -> None:
    first, again = measured("r1", "S01", value=9.0, uom="mN·m"), measured("r1", "S01")
    seal, open_ = measured("r1", "S02", "seal", "ok"), measured("r1", "S02", "open", True, low=None, high=None)
    found = _over(first, again, seal, open_)
    assert [(one.step, one.name, one.value, one.uom, one.low, one.high, one.room) for one in found] == [
        ("S02", "open", True, "N·m", None, None, None),
        ("S02", "seal", "ok", "N·m", 1.0, 2.0, None),
        ("S01", "torque", 1.5, "N·m", 1.0, 2.0, 0.5),
    ]


def test_what_came_from_another_station_is_not_shown_and_what_nobody_remembers_has_no_limits() -> None:
    mine, astray = measured("r1", "S01"), measured("r1", "S01", value=7.0, station="elsewhere")
    assert [one.value for one in _over(mine, astray)] == [1.5]
    kept = msgspec.structs.replace(over("r1", "pass"), row={"S01/a.b": math.nan, "S01/.seconds": 2.0}, steps=STEPS)
    (found,) = measurements(kept, [])
    assert (found.step, found.name, found.uom, found.low, found.room) == ("S01", "a.b", "", None, None)


def test_values_of_a_run_that_goes_on_are_shown_as_they_come_the_last_one_standing() -> None:
    going = msgspec.structs.replace(run("r1"), steps=STEPS)
    (found,) = measurements(going, [measured("r1", "S01"), measured("r1", "S01", value=2.5)])
    assert (found.value, found.room) == (2.5, -0.5)


def test_a_run_without_a_call_says_why_and_one_with_a_call_nothing() -> None:
    rule, named = Procedure(match="*"), Procedure(match="*", model="eol")

    def said(withheld: str, needed: int = 0) -> list[Advice]:
        return [advice("r1", "S01", 1, p_fail=math.nan, withheld=withheld, needed=needed)]

    assert silence(run("r1"), [advice("r1", "S01", 1)], rule) == ""
    assert silence(run("r1"), [], rule).startswith("No step has ended yet")
    assert "1 failure is still needed" in silence(run("r1"), said("no-model", 1), named)
    assert "model in [[procedures]] names it" in silence(run("r1"), said("no-model"), rule)
    assert "Model eol did not call this run" in silence(run("r1"), said("no-model"), named)
    assert 'advice = "shadow"' in silence(run("r1"), said("off"), named)
    assert "after its end" in silence(run("r1"), said("over"), named)
    assert "No start of this run was heard" in silence(run("r1", procedure=""), said("no-model"), named)
