from collections import deque
from collections.abc import Callable
from itertools import islice

import pytest

from simulators.bench import runs
from simulators.hall import Hall, Tally, report
from simulators.speech import Body
from simulators.trial import Trial

NS = 1_000_000_000


class Adviser:
    """A line whose other end says after each step what `stops` finds."""

    def __init__(self, stops: Callable[[str, str], bool]) -> None:
        self.said: list[tuple[str, Body]] = []
        self._stops = stops
        self._heard: deque[Body] = deque()

    def say(self, station: str, body: Body) -> None:
        self.said.append((station, body))
        if body["event"] == "step":
            run, step = str(body["run"]), str(body["step"])
            self._heard.append({"event": "advice", "run": run, "step": step, "stop": self._stops(run, step)})

    def heard(self) -> list[Body]:
        told = list(self._heard)
        self._heard.clear()
        return told

    def of(self, run: str) -> list[object]:
        return [body["event"] for _, body in self.said if body["run"] == run]


class Time:
    """A clock that goes on only when somebody waits."""

    def __init__(self) -> None:
        self.now_ns = 1_800_000_000 * NS

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> bool:
        self.now_ns += round(seconds * NS)
        return False


def play(
    trials: list[Trial], stops: Callable[[str, str], bool], *, speed: float = 0.0, obey: bool = True
) -> tuple[Tally, Adviser, Time, list[str]]:
    line, time, stopped = Adviser(stops), Time(), list[str]()
    hall = Hall(
        line,
        speed=speed,
        obey=obey,
        clock_ns=time,
        wait=time.wait,
        hear=lambda said, trial: stopped.append(f"{trial.run} {said['step']}"),
    )
    return hall.play(iter(trials)), line, time, stopped


@pytest.fixture(scope="module")
def trials() -> list[Trial]:
    return list(islice(runs(2, start_ns=1_800_000_000 * NS), 60))


@pytest.mark.parametrize("speed", [0.0, 60.0])
def test_an_oracle_saves_all_there_is_to_save_and_is_never_wrong(trials: list[Trial], speed: float) -> None:
    doomed = {(t.run, t.steps[t.doomed_at]) for t in trials if t.doomed_at is not None}
    tally, line, _, stopped = play(trials, lambda run, step: (run, step) in doomed, speed=speed)
    assert tally.runs == len(trials)
    assert tally.rightly == len(doomed) == len(stopped) > 3
    assert (tally.wrongly, tally.missed) == (0, 0)
    assert tally.saved_s == pytest.approx(tally.oracle_s)
    for run, step in doomed:
        said = line.of(run)
        assert said[-1] == "run-ended"
        assert said.count("step") == 1 + next(t.steps.index(step) for t in trials if t.run == run)
        assert next(body for _, body in line.said if body["run"] == run and body["event"] == "run-ended")[
            "outcome"
        ] == ("aborted")


def test_stopping_every_unit_is_wrong_for_those_that_pass(trials: list[Trial]) -> None:
    tally, *_ = play(trials, lambda _, step: step == "S03")
    assert tally.wrongly == sum(t.doomed_at is None for t in trials)
    assert tally.rightly == sum(t.doomed_at is not None for t in trials)


def test_without_obeying_every_run_goes_to_its_end_and_the_stops_are_counted(trials: list[Trial]) -> None:
    tally, line, _, _ = play(trials, lambda _, step: step == "S03", obey=False)
    assert sum(body["event"] == "run-ended" for _, body in line.said) == len(trials)
    assert all(body["outcome"] != "aborted" for _, body in line.said if body["event"] == "run-ended")
    assert tally.rightly + tally.wrongly == len(trials)
    assert tally.said == 42 * len(trials)


def test_no_advice_means_go_on(trials: list[Trial]) -> None:
    tally, line, _, _ = play(trials[:3], lambda _run, _step: False)
    assert (tally.rightly, tally.wrongly) == (0, 0)
    assert tally.answers == 120
    assert [body["event"] for _, body in line.said].count("run-ended") == 3


def test_messages_are_said_when_they_are_due_and_carry_that_time(trials: list[Trial]) -> None:
    _, line, time, _ = play(trials[:4], lambda _run, _step: False, speed=60.0)
    times = [body["time"] for _, body in line.said]
    assert all(isinstance(at, int) for at in times)
    span_ns = max(t.end_ns for t in trials[:4]) - trials[0].start_ns
    assert time.now_ns - 1_800_000_000 * NS == pytest.approx(span_ns / 60, rel=0.01)
    assert {station for station, _ in line.said} == {"bench-1", "bench-2", "bench-3"}


def test_it_ends_when_it_is_told_to(trials: list[Trial]) -> None:
    line, time = Adviser(lambda _run, _step: False), Time()

    def wait(seconds: float) -> bool:
        return time.wait(seconds) or len(line.said) >= 10

    tally = Hall(line, speed=60.0, obey=True, clock_ns=time, wait=wait, hear=lambda _said, _trial: None).play(
        iter(trials)
    )
    assert len(line.said) == 10
    assert tally.runs == 0


def test_the_report_has_every_figure() -> None:
    assert set(report(Tally())) == {
        "runs",
        "said",
        "answers",
        "rightly",
        "wrongly",
        "missed",
        "bench_s",
        "saved_s",
        "oracle_s",
    }
