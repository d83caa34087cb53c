import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import F64
from stream.devices.running import Running, RunningError, parse
from tests.stream.plant import NAN


def _judge(text: str, columns: dict[str, list[float]], *, before: bool = True) -> list[bool]:
    arrays: dict[str, F64] = {name: np.array(values, dtype=np.float64) for name, values in columns.items()}
    return [bool(value) for value in parse(text).judge(arrays, before)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("current > 0.5", [False, True, True]),
        ("current>=.5 and speed <= 10", [False, True, False]),
        ("current > 0.5 or speed == 5", [True, True, True]),
        ("not current > 0.5", [True, False, False]),
        ("not (current > 0.5 and speed > 10)", [True, True, False]),
        ("current > 1 or speed > 5 and current < 1", [False, True, True]),
        ("0.5 < current", [False, True, True]),
        ("current != speed", [True, True, True]),
        ('"current" > -1e3', [True, True, True]),
        ("((current)) > 0", None),
    ],
)
def test_conditions_are_judged_row_by_row(text: str, expected: list[bool] | None) -> None:
    columns = {"current": [0.0, 0.6, 2.0], "speed": [5.0, 8.0, 20.0]}
    if expected is None:
        with pytest.raises(RunningError):
            parse(text)
        return
    assert _judge(text, columns) == expected


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 1),
        ("current", 8),
        ("current >", 10),
        ("current > 0.5 and", 18),
        ("current > 0.5 speed > 1", 15),
        ("(current > 0.5", 15),
        ("current > 0.5)", 14),
        ("current = 5", 9),
        ("1 > 0", 1),
        ("__import__('os')", 11),
        ("not " * 60 + "a > 1", 201),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, at: int) -> None:
    with pytest.raises(RunningError, match=rf"at character {at} of") as caught:
        parse(text)
    assert caught.value.at == at - 1


def test_while_a_channel_is_missing_what_held_before_goes_on() -> None:
    assert _judge("current > 1", {"current": [NAN, 2.0, NAN, 0.0, NAN]}, before=False) == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert _judge("current > 1", {"current": [NAN, NAN]}) == [True, True]


@given(st.text(alphabet='ab01.<>=!()" andornt', max_size=40))
def test_any_text_is_either_a_condition_or_refused(text: str) -> None:
    found = _tried(text)
    if isinstance(found, RunningError):
        assert 0 <= found.at <= len(text)
    else:
        assert found.judge({name: np.zeros(2) for name in found.channels}, before=True).shape == (2,)


def _tried(text: str) -> Running | RunningError:
    try:
        return parse(text)
    except RunningError as error:
        return error


def test_a_text_without_end_is_refused() -> None:
    with pytest.raises(RunningError, match="longer than"):
        parse("a > 1 and " * 1000 + "a > 1")
