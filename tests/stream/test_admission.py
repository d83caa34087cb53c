"""Lanes of recorded rows: their clocks are old, and they must not be forgotten while they are read."""

from models.selflearning.online import Online
from stream.admission import LANES
from stream.core import Core
from stream.inputs import Item
from stream.models.detectors import Shelf
from wire.config import Config
from wire.messages import NS_PER_S, Alarm, Batch

NOW_NS = 1_790_000_000 * NS_PER_S


def piece(lane: int, seq: int) -> Batch:
    """Each file is of an earlier day than the one before it."""
    return Batch("edge-1", f"{lane:032x}", seq, NOW_NS - lane * 86_400 * NS_PER_S + seq, late=True)


def test_any_number_of_recorded_files_come_in_from_new_to_old_and_no_piece_is_missed_or_taken_twice() -> None:
    core = Core(Config(), Shelf([Online()]))
    state = core.cold()
    live = Batch("edge-1", "f" * 32, 1, NOW_NS)
    items: list[Item] = [live, *(piece(lane, seq) for lane in range(1, 3 * LANES) for seq in (1, 2, 2, 3))]
    accepted, alarms, duplicates = 0, list[Alarm](), 0
    for position, item in enumerate(items, start=1):
        state, outcomes = core.step(state, [(position, item)])
        accepted += len(outcomes.accepted)
        duplicates += outcomes.duplicates
        alarms += [one for one in outcomes.outcomes if isinstance(one, Alarm)]
    files = 3 * LANES - 1
    assert (accepted, duplicates) == (1 + 3 * files, files)
    assert alarms == [], "no piece is taken for one after a hole"
    assert len(state.lanes) == LANES
    _, again = core.step(state, [(len(items) + 1, live)])
    assert again.duplicates == 1, "the lane of what is live stays known"
