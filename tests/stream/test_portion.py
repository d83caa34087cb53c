from hypothesis import given
from hypothesis import strategies as st

from stream.portion import STEPS, first, steps_ended
from tests.stream.plant import batch
from wire.envelope import pack
from wire.messages import RunStarted, StepEnded


def test_steps_are_counted_without_opening_a_record() -> None:
    ends = [StepEnded("r1", f"S{number}") for number in range(7)]
    assert steps_ended(pack(batch(1, 1, events=[RunStarted("r1", "u", "p", "1", "b"), *ends]))) == 7


@given(st.lists(st.integers(0, 2 * STEPS), max_size=20))
def test_what_is_taken_at_once_holds_few_steps_or_is_one_record(counts: list[int]) -> None:
    bodies = [b"step-ended" * count for count in counts]
    taken = first(bodies)
    assert taken >= min(1, len(bodies))
    assert taken == 1 or sum(counts[:taken]) <= STEPS
    assert taken == len(bodies) or sum(counts[: taken + 1]) > STEPS
