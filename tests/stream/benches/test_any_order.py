"""Whatever a bench says, in whatever order: each step is answered, each run is told, and nothing fails."""

import itertools
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.benches.run import MOST_REMARKS
from tests.stream.benches.bench import STEPS, Foreseer, Hall, floor, rule
from tests.stream.plant import LATE_LANE, T0, S, batch, encoded
from wire.config import HOUR_NS
from wire.messages import Measured, RunEnded, RunEvent, RunStarted, StepEnded

_runs, _steps = st.sampled_from(["r1", "r2", "r3"]), st.sampled_from([*STEPS, "S/4", ""])
_stations = st.sampled_from(["", "b1", "b2"])
_times = st.one_of(st.just(0), st.integers(T0 - 9 * S, T0 + 99 * S))
_numbers = st.floats(allow_nan=True, allow_infinity=True)
_events: st.SearchStrategy[RunEvent] = st.one_of(
    st.builds(
        RunStarted,
        run=_runs,
        unit=st.sampled_from(["u1", "u2", ""]),
        procedure=st.sampled_from(["axle", "wheel", ""]),
        version=st.sampled_from(["1", "2"]),
        station=_stations,
        retest_of=st.sampled_from(["", "r1", "r9"]),
        t_ns=_times,
        steps=st.sampled_from([(), STEPS]),
    ),
    st.builds(
        Measured,
        run=_runs,
        step=_steps,
        name=st.sampled_from(["x", ".y", "z.margin"]),
        value=st.one_of(_numbers, st.booleans(), st.just("text")),
        low=st.one_of(st.none(), _numbers),
        high=st.one_of(st.none(), _numbers),
        t_ns=_times,
        station=_stations,
    ),
    st.builds(StepEnded, run=_runs, step=_steps, t_ns=_times, duration_s=st.one_of(st.none(), _numbers)),
    st.builds(RunEnded, run=_runs, outcome=st.sampled_from(["pass", "fail", "aborted"]), t_ns=_times),
)
_batches = st.lists(st.tuples(st.lists(_events, max_size=6), st.sampled_from([0, 1, 4000]), st.booleans()), max_size=12)


@given(said=_batches, advice=st.sampled_from(["on", "shadow"]))
@settings(max_examples=150, deadline=None)
def test_nothing_that_a_bench_may_say_is_lost_or_unsettles(
    said: list[tuple[list[RunEvent], int, bool]], advice: str
) -> None:
    rules = (rule(advice=advice, broken_off_after_ns=HOUR_NS), rule(match="wheel", whole_share=0.5))
    one, other = (Hall(floor(*rules, models=[Foreseer(drift=True)])) for _ in range(2))
    for number, (events, seconds, late) in enumerate(said, 1):
        one.second += seconds
        made = batch(number, one.second, events=events, log=LATE_LANE if late else "a" * 32, late=late)
        for hall in (one, other):
            hall.put(made)
        other.reload()
    assert encoded(one.outcomes) == encoded(other.outcomes)
    steps = [event for events, _, _ in said for event in events if isinstance(event, StepEnded) and event.step]
    refused = [each for each in one.letters() if b'"step-ended"' in each.body and b'"step":""' not in each.body]
    assert all("a run's name is given once" in each.reason for each in refused)
    assert len(one.advice()) + len(refused) == len(steps)
    for name in ("r1", "r2", "r3"):
        told = one.runs(name)
        assert all(earlier.change + 1 == later.change for earlier, later in itertools.pairwise(told))
        assert all(set(earlier.remarks) <= set(later.remarks) for earlier, later in itertools.pairwise(told))
        assert all(len(run.remarks) <= MOST_REMARKS for run in told)
    assert set(Counter(label.run for label in one.labels()).values()) <= {1}
    assert not any(letter.source == "core" for letter in one.letters())
