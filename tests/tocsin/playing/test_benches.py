import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from edge.agent import Agent
from edge.log import LocalLog
from models.runs.row import values
from simulators.bench import runs
from tests.edge.sources.fakes import until
from tests.edge.sources.mosquitto import mosquitto
from tests.tocsin.plant import DEADLINE_S, QUIET, tocsin, write
from tocsin.playing.benches import disorder_of
from tocsin.roles.box import Box
from wire.config import Config, EdgeSettings, MqttSource, SerialSource, Source
from wire.envelope import unpack_input
from wire.messages import (
    Advice,
    Batch,
    Event,
    Measured,
    Origin,
    RunEnded,
    RunStarted,
    SourceState,
    SourceStatus,
    StepEnded,
)
from wire.settings import load

COMMAND = [sys.executable, "-m", "tocsin", "simulate", "bench"]


class Core:
    """An edge, and behind it a core that stops every run after one step."""

    def __init__(self, log: LocalLog, agent: Agent, stop_after: str) -> None:
        self.events: list[Event] = []
        self._log, self._agent, self._stop_after = log, agent, stop_after
        self._over = threading.Event()
        self.thread = threading.Thread(target=self._advise)

    def of(self, kind: type[RunEnded] | type[StepEnded] | type[RunStarted]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def connected(self) -> bool:
        return any(isinstance(e, SourceState) and e.state is SourceStatus.CONNECTED for e in self.events)

    def close(self) -> None:
        self._over.set()
        self.thread.join()

    def _advise(self) -> None:
        pos = 0
        while not self._over.is_set():
            for entry in self._log.read(pos, limit=100, wait_s=0.05):
                pos = entry.pos
                batch = unpack_input(entry.body)
                assert isinstance(batch, Batch)
                self.events += batch.events
                ended = [event for event in batch.events if isinstance(event, StepEnded)]
                self._agent.returns.give([self._advice(event) for event in ended])

    def _advice(self, event: StepEnded) -> Advice:
        stop = event.step == self._stop_after
        origin = Origin("e", "0" * 32, 1)
        return Advice(
            origin,
            "e",
            event.run,
            event.step,
            0.9,
            stop=stop,
            t_ns=event.t_ns,
            source=event.source,
            because={"S01": 1.0},
        )


@contextmanager
def edge(folder: Path, source: Source, *, stop_after: str) -> Iterator[Core]:
    config = Config(edge=EdgeSettings(name="e", sources=(source,)))
    with LocalLog(folder / "log.sqlite", edge="e") as log, Agent(config, log=log) as agent:
        behind = Core(log, agent, stop_after)
        behind.thread.start()
        try:
            yield behind
        finally:
            behind.close()


def await_all(behind: Core, kind: type[RunEnded], count: int) -> None:
    until(lambda: len(behind.of(kind)) >= count, what=f"{count} of {kind.__name__}")


def steps_of(behind: Core) -> dict[str, list[str]]:
    steps: dict[str, list[str]] = {}
    for event in behind.of(StepEnded):
        assert isinstance(event, StepEnded)
        steps.setdefault(event.run, []).append(event.step)
    return steps


@pytest.mark.server
def test_benches_on_a_broker_obey_the_advice_and_say_who_was_right(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server, edge(tmp_path, MqttSource(url=server.url), stop_after="S04") as behind:
        until(behind.connected, what="the subscription")
        words = ("--to", server.url, "--speed", "0", "--runs", "3", "--stations", "2", "--obey")
        result = tocsin("simulate", "bench", *words)
        await_all(behind, RunEnded, 3)
    assert result.exit_code == 0, result.output
    first, *_, last = result.stdout.splitlines()
    assert first == "bench-1: stop run 1-000000 after S04, P(fail) 90%, because of S01 100%"
    assert last.startswith("3 runs, 18 messages, 12 answers; 3 stopped: 0 rightly, 3 wrongly")
    assert {tuple(steps) for steps in steps_of(behind).values()} == {("S01", "S02", "S03", "S04")}
    assert {event.outcome for event in behind.of(RunEnded) if isinstance(event, RunEnded)} == {"aborted"}
    assert {event.station for event in behind.of(RunStarted) if isinstance(event, RunStarted)} == {"bench-1", "bench-2"}


def test_a_bench_on_a_serial_line_obeys_the_advice(tmp_path: Path) -> None:
    link = tmp_path / "bench.tty"
    words = ("--to", f"serial:{link}", "--speed", "400", "--runs", "2", "--obey", "--json")
    source = SerialSource(port=str(link), device="bench-7", format="json")
    with (
        subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child,
        edge(tmp_path, source, stop_after="S15") as behind,
    ):
        out, _ = child.communicate(timeout=DEADLINE_S)
        await_all(behind, RunEnded, 2)
    figures = json.loads(out)
    assert (figures["runs"], figures["wrongly"] + figures["rightly"]) == (2, 2)
    assert [event.station for event in behind.of(RunStarted) if isinstance(event, RunStarted)] == ["bench-7"] * 2
    assert [event.outcome for event in behind.of(RunEnded) if isinstance(event, RunEnded)] == ["aborted"] * 2
    assert all("S15" in steps and steps[-1] < "S40" for steps in steps_of(behind).values())


def test_benches_over_http_are_answered_by_a_box_that_keeps_their_runs(tmp_path: Path) -> None:
    with Box(load(write(tmp_path, QUIET))) as box:
        base = box.serve()
        words = ("--to", base, "--speed", "0", "--runs", "4", "--stations", "2", "--seed", "5")
        result = tocsin("simulate", "bench", *words, "--json")
        assert result.exit_code == 0, result.output
        trials = {trial.run: trial for trial in islice(runs(5, stations=2), 4)}
        until(lambda: sum(run.ended_ns > 0 for run in box.reader.runs()) == len(trials), what="the ends of the runs")
        kept = box.reader.runs()
    assert json.loads(result.stdout)["said"] == 42 * len(trials)
    assert {run.run: run.state for run in kept} == {name: trial.outcome for name, trial in trials.items()}
    assert all(len(run.steps) == len(trials[run.run].steps) for run in kept)


@pytest.mark.server
def test_what_disorderly_benches_say_over_mqtt_is_what_the_store_has(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        source = f'[[edge.sources]]\ntype = "mqtt"\nurl = "{server.url}"\n'
        with Box(load(write(tmp_path, QUIET + source))) as box:
            until(lambda: any(state.detail.startswith("subscribed") for _, state in box.reader.sources()))
            words = ("--to", server.url, "--speed", "0", "--runs", "12", "--seed", "7", "--disorder", "0.4")
            assert tocsin("simulate", "bench", *words).exit_code == 0
            trials = {trial.run: trial for trial in islice(runs(7, stations=1, disorder=disorder_of(0.4, "")), 12)}
            said = {name for name, trial in trials.items() if trial.outcome}
            until(lambda: {run.run for run in box.reader.runs() if run.ended_ns} >= said, what="the ends of the runs")
            kept = {run.run: run for run in box.reader.runs()}
            dead = list(box.reader.dead())
    assert dead == []
    assert kept.keys() == trials.keys()
    assert {name: kept[name].state for name in said} == {name: trials[name].outcome for name in said}
    assert any(run.remarks for run in kept.values())
    for name in said:
        told = [event for event in trials[name].events if isinstance(event, Measured | StepEnded)]
        if len(set(trials[name].steps)) == len(trials[name].steps):  # of a step that is repeated the last counts
            assert dict(kept[name].row) == pytest.approx(values(told))


def test_benches_on_stdout_say_json_and_count_nothing_there() -> None:
    result = tocsin("simulate", "bench", "--speed", "0", "--runs", "2", "--stations", "2")
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert len(said) == 84
    assert {one["station"] for one in said} == {"bench-1", "bench-2"}
    assert result.stderr.startswith("2 runs, 84 messages, 0 answers; 0 would be stopped")


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    with subprocess.Popen(
        [*COMMAND, "--speed", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(DEADLINE_S) == 0
        assert "Error" not in child.stderr.read()


def test_it_ends_by_itself_after_the_time_it_is_given() -> None:
    result = tocsin("simulate", "bench", "--speed", "1", "--for", "300ms", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout.splitlines()[-1])["runs"] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--to", "carrier-pigeon"), '--to must be "stdout"'),
        (("--to", "mqtt://127.0.0.1:1"), "cannot speak to mqtt://127.0.0.1:1"),
        (("--to", "http://127.0.0.1:1"), "cannot speak to http://127.0.0.1:1"),
        (("--to", "serial:/tmp/none", "--stations", "2"), "a serial line has one bench at its end"),
        (("--disorder", "2"), "--disorder from 0 to 1"),
        (("--speed", "-1"), "--speed is 0 or more"),
    ],
)
def test_what_cannot_be_simulated_is_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    result = tocsin("simulate", "bench", "--runs", "1", *words)
    assert result.exit_code == 2
    assert sentence in result.stderr
