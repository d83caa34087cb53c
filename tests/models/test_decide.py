import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decide import Change, Deciding, Decision, decide

SCORES = st.lists(st.sampled_from([0.0, 0.5, 0.79, 0.9, 1.0, 1.7, float("nan")]), max_size=60)
DECISIONS = st.builds(
    lambda k, more, quiet, least: Decision(k=k, n=k + more, quiet=quiet, least=least),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 5),
    st.integers(0, 6),
)


def plainly(scores: list[float], decision: Decision) -> list[tuple[int, bool]]:
    """The same rules written row by row."""
    changes: list[tuple[int, bool]] = []
    window: list[bool] = []
    active, calm, rung = False, 0, 0
    for i, score in enumerate(scores):
        if np.isnan(score):
            continue
        if not active:
            window = [*window, score >= decision.threshold][-decision.n :]
            if sum(window) >= decision.k:
                active, window, calm, rung = True, [], 0, 0
                changes.append((i, True))
        else:
            rung += 1
            calm = calm + 1 if score < decision.clear else 0
            if calm >= decision.quiet and rung >= decision.least:
                active = False
                changes.append((i, False))
    return changes


@given(SCORES, DECISIONS)
def test_rows_at_once_ring_as_rows_one_by_one(scores: list[float], decision: Decision) -> None:
    decided = decide(Deciding(), np.array(scores), decision)
    assert [(c.index, c.active) for c in decided.changes] == plainly(scores, decision)
    expected, active = [], False
    by_row = dict(plainly(scores, decision))
    for i in range(len(scores)):
        active = by_row.get(i, active)
        expected.append(active)
    assert decided.active.tolist() == expected


@given(SCORES, DECISIONS, st.lists(st.integers(0, 60), max_size=5))
def test_any_split_of_the_scores_decides_the_same(scores: list[float], decision: Decision, cuts: list[int]) -> None:
    whole = decide(Deciding(), np.array(scores), decision)
    state, changes, active, begin = Deciding(), [], [], 0
    for end in sorted({min(cut, len(scores)) for cut in cuts} | {len(scores)}):
        part = decide(state, np.array(scores[begin:end], dtype=np.float32).astype(np.float64), decision)
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(part.state), type=Deciding)
        changes += [Change(c.index + begin, c.active, c.peak) for c in part.changes]
        active += part.active.tolist()
        begin = end
    assert [(c.index, c.active) for c in changes] == [(c.index, c.active) for c in whole.changes]
    assert active == whole.active.tolist()


def test_a_lone_spike_does_not_ring_and_a_stand_does() -> None:
    scores = np.zeros(40)
    scores[5] = 9.0
    assert not decide(Deciding(), scores, Decision(k=2, n=4)).changes
    scores[20:23] = 1.2
    (change,) = decide(Deciding(), scores, Decision(k=2, n=4)).changes
    assert (change.index, change.active) == (21, True)


def test_the_peak_of_the_ringing_is_told_at_its_end() -> None:
    scores = np.array([1.0, 1.5, 4.0, 2.0, 0.1, 0.1, 0.1])
    on, off = decide(Deciding(), scores, Decision(k=1, n=1, quiet=2)).changes
    assert (on.index, off.index, off.peak) == (0, 5, 4.0)


@pytest.mark.parametrize("wrong", [{"k": 4, "n": 3}, {"k": 0}, {"n": 65}, {"quiet": 0}, {"clear": 1.1}, {"least": -1}])
def test_a_decision_that_cannot_be_taken_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="a decision needs"):
        msgspec.convert(msgspec.to_builtins(Decision()) | wrong, type=Decision)
