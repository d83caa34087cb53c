from hypothesis import given
from hypothesis import strategies as st

from edge.sources.lines import HEAD_BYTES
from edge.sources.refusals import MAX_REASONS, Refusals
from wire.messages import Refused


def test_the_first_of_a_reason_is_told_at_once_and_its_like_after_a_second() -> None:
    refusals = Refusals(source="s", device="d")
    (first,) = refusals.add("torn", b"x" * 9000, now_s=0.0, place="line 3: ")
    assert (first.reason, first.count, first.size, len(first.body)) == ("line 3: torn", 1, 9000, HEAD_BYTES)
    for number in range(4, 9):
        assert refusals.add("torn", b"y%d" % number, now_s=0.5, place=f"line {number}: ") == []
    assert refusals.due(now_s=0.9) == []
    (rest,) = refusals.due(now_s=1.0)
    assert (rest.reason, rest.count, rest.body) == ("line 4: torn", 5, b"y4")
    assert refusals.rest() == []


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(0.0, 0.2))))
def test_every_refusal_is_counted_and_the_memory_for_them_is_bounded(found: list[tuple[int, float]]) -> None:
    refusals, told, now_s = Refusals(source="s"), list[Refused](), 0.0
    for reason, step_s in found:
        now_s += step_s
        told += refusals.add(f"reason {reason}", b"x", now_s=now_s)
        told += refusals.due(now_s=now_s)
        assert len(refusals._held) <= MAX_REASONS + 1
    told += refusals.rest()
    assert sum(event.count for event in told) == len(found)
