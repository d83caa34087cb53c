import json
from math import nan
from typing import Literal

import msgspec
import pytest

from wire.answer import answer
from wire.messages import Advice, Origin


def advice(*, withheld: str = "", p_fail: float = 0.75, stop: bool = False) -> Advice:
    return Advice(
        Origin("e", "0" * 32, 1),
        "e",
        "r1",
        "S01",
        p_fail,
        stop=stop,
        t_ns=1,
        because={"S01": 1.0},
        withheld=withheld,
        low=0.5,
        high=0.9,
    )


def test_a_bench_is_told_what_to_do_and_why() -> None:
    assert json.loads(answer(advice(stop=True)).body) == {
        "event": "advice",
        "run": "r1",
        "step": "S01",
        "stop": True,
        "p_fail": 0.75,
        "low": 0.5,
        "high": 0.9,
        "because": {"S01": 1.0},
    }


@pytest.mark.parametrize("withheld", ["shadow", "control", "off"])
def test_where_advice_is_withheld_the_bench_does_not_learn_what_is_thought_of_the_run(withheld: str) -> None:
    told = json.loads(answer(advice(withheld=withheld)).body)
    assert told == {"event": "advice", "run": "r1", "step": "S01", "stop": False, "withheld": withheld}


@pytest.mark.parametrize("mode", ["shadow", "off"])
def test_a_bench_in_shadow_does_not_learn_of_a_low_chance_either(mode: Literal["shadow", "off"]) -> None:
    told = json.loads(answer(msgspec.structs.replace(advice(), mode=mode)).body)
    assert told == {"event": "advice", "run": "r1", "step": "S01", "stop": False, "withheld": mode}


def test_no_model_is_no_chance() -> None:
    told = json.loads(answer(advice(withheld="no-model", p_fail=nan)).body)
    assert "p_fail" not in told
    assert told["withheld"] == "no-model"
