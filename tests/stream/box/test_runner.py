import logging
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from edge.log import LocalLog
from store.box.box import DuckStore
from store.port import Commit
from stream.box.runner import BoxRunner, Pauses, RunnerState
from stream.core import Core
from stream.models.detectors import Shelf
from tests.stream.fakes import Advising, Given, MemoryLog, MemoryStore, Refusing, Stumbling
from tests.stream.plant import T0, Distance, S, batch, core, frame
from wire.config import Config, EdgeSettings
from wire.envelope import pack
from wire.messages import Action, Alarm, DeadLetter, StepEnded, Tick, Verb

FAST = Pauses(wait_s=0.01, group_s=0.001, longest_s=0.001, tick_s=5.0, retain_s=300.0, full_s=0.001, limit=8)


def _batches(count: int, start: int = 1) -> list[bytes]:
    return [pack(batch(seq, seq, [frame("pump-1", [seq], [20.0])])) for seq in range(start, start + count)]


def _until(cursor: int, stop: threading.Event) -> Callable[[MemoryStore], None]:
    def seen(store: MemoryStore) -> None:
        if store.commits[-1].cursor >= cursor:
            stop.set()

    return seen


def _run(log: MemoryLog, cursor: int, *, watched: Core | None = None, store: MemoryStore | None = None) -> MemoryStore:
    stop = threading.Event()
    store = store or MemoryStore()
    store._seen = _until(cursor, stop)
    runner = BoxRunner(log, inbox=log, store=store, core=watched or core(), clock_ns=lambda: T0 + 60 * S, pauses=FAST)
    runner.run(stop)
    assert runner.health.state is RunnerState.STOPPED
    assert runner.health.pos == store.commits[-1].cursor
    return store


def _letters(store: MemoryStore) -> list[DeadLetter]:
    return [o for commit in store.commits for o in commit.outcomes if isinstance(o, DeadLetter)]


def _seqs(commits: list[Commit]) -> list[int]:
    return [b.seq for commit in commits for b in commit.batches]


def test_inputs_are_stepped_stored_and_confirmed_in_order() -> None:
    log = MemoryLog()
    for body in _batches(30):
        log.add(body)
    store = _run(log, 30)
    assert _seqs(store.commits) == list(range(1, 31))
    assert log.confirmed == [commit.cursor for commit in store.commits]
    assert "device/hall/pump-1" in store.state


def test_a_runner_goes_on_where_the_store_says_the_last_commit_ended() -> None:
    log = MemoryLog()
    for body in _batches(10):
        log.add(body)
    store = _run(log, 10)
    for body in [*_batches(2, start=9), *_batches(5, start=11)]:
        log.add(body)
    _run(log, 17, store=store)
    assert _seqs(store.commits) == list(range(1, 16))
    assert sum(commit.duplicates for commit in store.commits) == 2


def test_a_runner_has_caught_up_when_it_came_to_the_end_of_what_waited() -> None:
    log, store, stop, seen = MemoryLog(), MemoryStore(), threading.Event(), list[bool]()
    for body in _batches(30):
        log.add(body)
    runner = BoxRunner(log, inbox=log, store=store, core=core(), clock_ns=lambda: T0 + 60 * S, pauses=FAST)

    def note(kept: MemoryStore) -> None:
        seen.append(runner.health.caught_up)
        if kept.commits[-1].cursor >= 30:
            stop.set()

    store._seen = note
    runner.run(stop)
    assert (seen, runner.health.caught_up) == ([False] * 4, True)


def test_bytes_that_hold_no_message_are_kept_and_their_neighbours_go_on() -> None:
    log = MemoryLog()
    first, second = _batches(2)
    for body in (first, b"garbage that is no envelope", second):
        log.add(body)
    store = _run(log, 3)
    assert _seqs(store.commits) == [1, 2]
    assert [(letter.body, letter.size) for letter in _letters(store)] == [(b"garbage that is no envelope", 27)]


def test_an_input_the_core_fails_on_is_kept_whole_and_its_neighbours_go_on(caplog: pytest.LogCaptureFixture) -> None:
    log, watched = MemoryLog(), Stumbling(Config(), Shelf([Distance()]))
    watched.bad_seq = 3
    for body in _batches(5):
        log.add(body)
    with caplog.at_level(logging.CRITICAL, logger="stream.box.runner"):
        store = _run(log, 5, watched=watched)
    assert _seqs(store.commits) == [1, 2, 4, 5]
    letter = _letters(store)[0]
    assert (letter.reason, letter.body) == ("the core failed: ZeroDivisionError: stumbled", log.entries[2].body)
    rung = [o.rule for commit in store.commits for o in commit.outcomes if isinstance(o, Alarm)]
    assert rung == ["sequence"]


def test_a_full_store_gets_the_same_commit_again_and_nothing_is_confirmed_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="stream.box.runner")
    log, store = MemoryLog(), MemoryStore(full=3)
    for body in _batches(4):
        log.add(body)
    _run(log, 4, store=store)
    assert [commit.cursor for commit in store.refused] == [store.commits[0].cursor] * 3
    assert log.confirmed == [commit.cursor for commit in store.commits]
    assert len(store.retained) >= 3
    assert caplog.messages == ["scoring stands still: only 3 MB left", "the store takes writes again"]


def test_a_clock_set_back_by_an_hour_puts_off_no_retention() -> None:
    log, store, stop = MemoryLog(), MemoryStore(), threading.Event()
    times = [T0, T0 + S, T0 - 3600 * S, T0 - 3599 * S, T0 - 3299 * S]

    def clock() -> int:
        now_ns = times.pop(0)
        if not times:
            stop.set()
        return now_ns

    BoxRunner(log, inbox=log, store=store, core=core(), clock_ns=clock, pauses=FAST).run(stop)
    assert store.retained == [T0, T0 - 3600 * S, T0 - 3299 * S]


def test_a_clock_that_leaps_years_ahead_makes_nothing_old_for_a_day() -> None:
    log, store, stop = MemoryLog(), MemoryStore(), threading.Event()
    day, leapt = 86_400 * S, T0 + 7000 * 86_400 * S
    times = [T0, leapt, leapt + day // 2, T0 + 600 * S, leapt, leapt + day]

    def clock() -> int:
        now_ns = times.pop(0)
        if not times:
            stop.set()
        return now_ns

    BoxRunner(log, inbox=log, store=store, core=core(), clock_ns=clock, pauses=FAST).run(stop)
    assert store.retained == [T0, T0, T0, T0 + 600 * S, T0 + 600 * S, leapt + day]


def test_a_full_store_is_visible_and_the_runner_can_be_stopped() -> None:
    log, store, stop = MemoryLog(), MemoryStore(full=10**9), threading.Event()
    log.add(_batches(1)[0])
    states = []

    def clock() -> int:
        states.append(runner.health.state)
        if len(store.refused) > 2:
            stop.set()
        return T0

    runner = BoxRunner(log, inbox=log, store=store, core=core(), clock_ns=clock, pauses=FAST)
    runner.run(stop)
    assert RunnerState.STORE_FULL in states
    assert "only 3 MB left" in runner.health.last_error
    assert not log.confirmed


def test_what_the_store_raises_stops_the_runner_visibly(caplog: pytest.LogCaptureFixture) -> None:
    log, store = MemoryLog(), MemoryStore()
    log.add(_batches(1)[0])

    def broken(_: MemoryStore) -> None:
        msg = "disk on fire"
        raise OSError(msg)

    store._seen = broken
    runner = BoxRunner(log, inbox=log, store=store, core=core(), clock_ns=lambda: T0, pauses=FAST)
    with caplog.at_level(logging.CRITICAL, logger="stream.box.runner"), pytest.raises(OSError, match="disk on fire"):
        runner.run(threading.Event())
    assert runner.health.state is RunnerState.FAILED
    assert runner.health.last_error == "OSError: disk on fire"
    assert not log.confirmed


def test_an_input_that_the_store_refuses_is_kept_and_its_neighbours_go_on(caplog: pytest.LogCaptureFixture) -> None:
    log, store = MemoryLog(), Refusing(seq=3)
    for body in _batches(6):
        log.add(body)
    with caplog.at_level(logging.CRITICAL, logger="stream.box.runner"):
        _run(log, 6, store=store)
    assert _seqs(store.commits) == [1, 2, 4, 5, 6]
    (letter,) = _letters(store)
    assert letter.reason == "the store refused it: out of memory"
    assert letter.body == _batches(6)[2]
    assert log.confirmed == [1, 2, 3, 4, 5, 6]


def test_ticks_are_written_only_while_they_can_ring() -> None:
    log, stop = MemoryLog(), threading.Event()
    log.add(_batches(1)[0])
    now = [T0]

    def clock() -> int:
        now[0] += S
        if now[0] > T0 + 200 * S:
            stop.set()
        return now[0]

    store = MemoryStore()
    BoxRunner(log, inbox=log, store=store, core=core(), clock_ns=clock, pauses=FAST).run(stop)
    ticks = list(log.entries[1:])
    assert len(ticks) in {2, 3}
    rung = [o for commit in store.commits for o in commit.outcomes if isinstance(o, Alarm)]
    assert [alarm.rule for alarm in rung] == ["edge-silent"]


def test_no_tick_is_written_before_any_edge_was_heard() -> None:
    log, stop, calls = MemoryLog(), threading.Event(), [0]

    def clock() -> int:
        calls[0] += 1
        if calls[0] > 5:
            stop.set()
        return T0 + calls[0] * 100 * S

    BoxRunner(log, inbox=log, store=MemoryStore(), core=core(), clock_ns=clock, pauses=FAST).run(stop)
    assert not log.entries


def test_lag_is_how_far_the_store_lies_behind_now() -> None:
    log = MemoryLog([batch(1, 10), Tick(at_ns=T0)])
    stop = threading.Event()
    store = MemoryStore(seen=_until(2, stop))
    runner = BoxRunner(log, inbox=log, store=store, core=core(), clock_ns=lambda: T0 + 12 * S, pauses=FAST)
    assert runner.health.lag_ns(T0) == 0
    runner.run(stop)
    assert runner.health.lag_ns(T0 + 12 * S) == 2 * S


def test_with_the_real_log_and_store_a_reading_comes_to_a_score_and_an_answer(tmp_path: Path) -> None:
    settings = EdgeSettings(name="hall")
    with LocalLog.of(tmp_path / "log.sqlite", settings) as log, DuckStore(path=tmp_path / "store.duckdb") as store:
        stop = threading.Event()
        runner = BoxRunner(log, inbox=log, store=store, core=core(), clock_ns=lambda: T0, pauses=FAST)
        thread = threading.Thread(target=runner.run, args=(stop,), name="runner")
        pos = log.append(Tick(at_ns=T0))
        pos = log.append(Action("1", "hall", "pump-1", "silent", Verb.ACKNOWLEDGE, "anna"))
        thread.start()
        waited = threading.Event()
        for _ in range(1000):
            if runner.health.pos >= pos:
                break
            waited.wait(0.01)
        stop.set()
        thread.join(10)
        assert runner.health.pos == pos
        assert [letter.reason for letter in store.dead()] == ["no device 'pump-1' of edge 'hall' is known"]
        assert store.resume().cursor == pos


def test_advice_goes_back_once_it_is_stored_and_not_before(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="stream.box.runner")
    log, stop = MemoryLog(), threading.Event()
    store = MemoryStore(full=2, seen=_until(20, stop))
    for body in _batches(20):
        log.add(body)
    given = Given(store)
    advising = Advising(Config(), Shelf([Distance()]))
    BoxRunner(log, inbox=log, store=store, core=advising, clock_ns=lambda: T0, pauses=FAST, returns=given).run(stop)
    assert [step for step, _ in given.advice] == [f"S{seq}" for seq in range(1, 21)]
    assert [commits for _, commits in given.advice] == [1] * 8 + [2] * 8 + [3] * 4


def test_a_bench_that_waits_ends_the_rest_of_the_runner() -> None:
    log, stop, pressing = MemoryLog(), threading.Event(), threading.Event()
    log.add(_batches(1)[0])

    def seen(store: MemoryStore) -> None:
        if len(store.commits) == 2:
            stop.set()
            return
        log.add(_batches(1, start=2)[0])
        pressing.set()

    endless = msgspec.structs.replace(FAST, group_s=1e6, longest_s=1e6)
    store = MemoryStore(seen=seen)
    BoxRunner(log, inbox=log, store=store, core=core(), clock_ns=lambda: T0, pauses=endless, pressing=pressing).run(
        stop
    )
    assert _seqs(store.commits) == [1, 2]


def test_steps_of_test_benches_are_worked_on_so_many_at_once_and_readings_do_not_wait_for_all_of_them() -> None:
    log, store = MemoryLog(), MemoryStore()
    store.commits.clear()
    for seq in range(1, 6):
        ends = [StepEnded(f"r{seq}", f"S{number}") for number in range(90)]
        log.add(pack(batch(seq, seq, [frame("pump-1", [seq], [20.0])], ends)))
    _run(log, 5, store=store)
    assert [[b.seq for b in commit.batches] for commit in store.commits] == [[1, 2], [3, 4], [5]]
