import json
from collections import Counter
from itertools import islice

from edge.sources.parsed import Told
from edge.sources.run_events import RunEvents
from simulators.bench import runs
from simulators.disorder import Disorder
from simulators.speech import aborted, spoken
from wire.messages import NS_PER_S, RunEvent

ALL = Disorder(broken_off=0.3, retest=0.8, out_of_order=0.5, overlapping=0.3, missing=0.3, extra=0.3, startless=0.3)


def read(body: object) -> tuple[RunEvent, ...]:
    told = RunEvents(source="").read(json.dumps(body).encode(), station="bench-1")
    assert isinstance(told, Told)
    assert not told.unread
    return told.events


def without_time(event: RunEvent) -> str:
    """What is said but for when: measurements that come with their step have its time."""
    return repr({name: getattr(event, name) for name in event.__struct_fields__ if name != "t_ns"})


def test_an_edge_reads_what_a_bench_says_and_nothing_else_however_disorderly() -> None:
    for trial in islice(runs(1, stations=1, disorder=ALL), 60):
        heard = [event for said in spoken(trial) for event in read(said.body)]
        assert Counter(map(without_time, heard)) == Counter(map(without_time, trial.events))


def test_a_step_comes_with_its_measurements_in_one_message() -> None:
    trial = next(runs(1))
    said = list(spoken(trial))
    assert len(said) == 42
    assert [one.step for one in said if one.step] == list(trial.steps)
    assert [one.due_ns for one in said] == sorted(one.due_ns for one in said)
    assert sum(len(read(one.body)) for one in said) == len(trial.events)


def test_the_truth_is_never_said() -> None:
    for trial in islice(runs(1), 40):
        text = json.dumps([said.body for said in spoken(trial)])
        assert not any(word in text for word in ("doom", "kind", "defect", "drift", "sudden"))


def test_what_comes_late_keeps_the_time_when_it_happened() -> None:
    trial = next(runs(1, disorder=Disorder(out_of_order=1.0)))
    said = list(spoken(trial))
    assert any(one.t_ns < one.due_ns - NS_PER_S for one in said)
    assert all(one.t_ns <= one.due_ns for one in said)


def test_a_bench_that_stops_says_that_the_run_was_aborted() -> None:
    (event,) = read(aborted("r1"))
    assert (event.run, getattr(event, "outcome", "")) == ("r1", "aborted")
