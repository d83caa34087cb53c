import pytest

from models.decide import Decision
from models.online import detector
from models.recipe import RecipeError, load, parse
from models.selflearning.online import Online
from models.streams.novelty import Streams


def test_a_recipe_that_names_no_kind_learns_by_itself() -> None:
    found = detector(parse('task = "online"\n[decision]\nk = 2'))
    assert isinstance(found, Online)
    assert found.decision == Decision(k=2)


def test_the_shipped_recipe_for_single_streams_is_what_the_detector_has_by_itself() -> None:
    found = detector(load("nab"))
    assert isinstance(found, Streams)
    assert found.habits == Streams().habits
    assert found.decision == Streams().decision


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[estimator]\nkind = "magic"', "expected one of selflearning, stream"),
        ('[estimator]\nkind = "stream"\nplaces = 1', "estimator: .*places"),
        ('[estimator]\nkind = "stream"\nspeed = 1', "estimator: .*speed"),
        ('[estimator]\nkind = "selflearning"\nspeed = 1', "estimator: .*speed"),
    ],
)
def test_a_recipe_that_cannot_be_used_says_why(text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        detector(parse(f'task = "online"\n{text}'))


def test_a_recipe_of_another_task_is_refused() -> None:
    with pytest.raises(RecipeError, match="task"):
        detector(parse('task = "anomaly"\n[estimator]\nkind = "stream"'))
