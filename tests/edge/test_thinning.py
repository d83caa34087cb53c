"""A full log under `thin`: the oldest rows lose resolution, none of their time goes whole, and the account adds up."""

from array import array
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from edge.clock import HandClock
from edge.lane import Draft, Group
from edge.log import LocalLog
from tests.edge.test_log import NOW, batch_of, frame
from wire.config import WhenFull
from wire.messages import NS_PER_S, Frame, Gap

BOUND = 200_000


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LocalLog]:
    path, clock = tmp_path / "log.sqlite", HandClock(NOW)
    with LocalLog(path, edge="e", bytes_bound=BOUND, when_full=WhenFull.THIN, clock=clock) as opened:
        yield opened


def fill(log: LocalLog, batches: int, rows: int, *, device: str = "pump-1") -> None:
    for number in range(batches):
        draft = Draft((frame(number * rows, rows, device),))
        log.commit(Group(clock_ns=NOW + number * NS_PER_S, drafts=[draft]))


def frames(log: LocalLog) -> list[Frame]:
    found, after = list[Frame](), 0
    while entries := log.read(after, limit=100, wait_s=0):
        found += [one for entry in entries for one in batch_of(entry).frames]
        after = entries[-1].pos
    return found


def gaps(log: LocalLog) -> list[Gap]:
    entries = log.read(0, limit=100_000, wait_s=0)
    return [event for entry in entries for event in batch_of(entry).events if isinstance(event, Gap)]


def test_the_oldest_rows_lose_half_their_resolution_and_it_is_said(log: LocalLog) -> None:
    fill(log, 150, 100)
    kept = frames(log)
    assert log.lane.bytes <= BOUND
    assert len(kept) == 150  # each second still has rows
    assert kept[-1].rows == 100  # the newest are whole
    assert kept[0].rows < 100
    assert {gap.reason for gap in gaps(log)} == {"outbox full, thinned"}
    assert sum(gap.rows for gap in gaps(log)) == log.lane.given_up == 15_000 - sum(one.rows for one in kept)
    assert log.lane.rows == log.lane.waiting + log.lane.given_up


def test_every_other_row_goes_across_batches_of_single_rows(log: LocalLog) -> None:
    fill(log, 1500, 1)
    times = [time for one in frames(log) for time in array("q", one.t_ns)]
    assert 0 < log.lane.given_up < 1500
    assert len(times) == log.lane.waiting
    steps = [(after - before) // 1_000_000 for before, after in pairwise(times)]
    assert steps == sorted(steps, reverse=True)  # coarse where it is old, fine where it is new
    assert (steps[-1], 2 in steps) == (1, True)


def test_sequence_numbers_have_no_holes(log: LocalLog) -> None:
    fill(log, 150, 100)
    seqs = [batch_of(entry).seq for entry in log.read(0, limit=1000, wait_s=0)]
    assert seqs == list(range(1, 151))


def test_what_is_in_a_readers_hands_is_not_touched(log: LocalLog) -> None:
    fill(log, 40, 100)
    before = log.read(0, limit=20, wait_s=0)
    fill(log, 150, 100)
    assert log.read(0, limit=20, wait_s=0) == before


def test_when_nothing_is_left_to_halve_the_oldest_give_way(log: LocalLog) -> None:
    for number in range(3000):
        event = Gap(device="x" * 200, from_ns=NOW, to_ns=NOW, rows=number, reason="y" * 200)
        log.commit(Group(clock_ns=NOW + number, drafts=[Draft((), (event,))]))
    assert log.lane.bytes <= BOUND
