"""Stepping the core over records of a log so that one bad record costs nobody else; knows no log and no bus."""

import logging
from collections.abc import Callable, Sequence

from stream.core import Core, Outcomes
from stream.inputs import Item, Unreadable, origin_of
from stream.state import CoreState
from wire.envelope import Rejected, unpack_input
from wire.messages import DeadLetter
from wire.ports import Entry

SAID = 500  # characters of a reason: it may quote what it stumbled over

log = logging.getLogger(__name__)


def opened(entry: Entry) -> Item:
    """The input of a record, or its bytes with the reason why they are none."""
    item = unpack_input(entry.body)
    return Unreadable(item.reason, entry.body) if isinstance(item, Rejected) else item


def attempt(
    core: Core,
    state: CoreState,
    entries: Sequence[Entry],
    *,
    now_ns: int,
    read: Callable[[Entry], Item] = opened,
) -> tuple[CoreState, Outcomes, list[str]]:
    """Step over all at once; if that fails, one by one, and what fails alone becomes a dead letter.

    `read` opens a record. Returns the next state, what came of it, and why inputs failed, one reason each.
    """
    items = [(entry.pos, read(entry)) for entry in entries]
    try:
        return *core.step(state, items), []
    except Exception:
        log.exception("a micro-batch of %d inputs failed, trying them one by one", len(items))
    parts: list[Outcomes] = []
    reasons: list[str] = []
    for item, entry in zip(items, entries, strict=True):
        try:
            state, outcomes = core.step(state, [item])
        except Exception as error:
            log.exception("the input at position %d cannot be worked on", entry.pos)
            reasons.append(f"the core failed: {type(error).__name__}: {error}"[:SAID])
            outcomes = buried(item[1], entry, reasons[-1], now_ns=now_ns)
        parts.append(outcomes)
    return state, _together(parts), reasons


def buried(item: Item, entry: Entry, reason: str, *, now_ns: int) -> Outcomes:
    """An input as a dead letter."""
    origin = origin_of(item, getattr(item, "edge", ""))
    letter = DeadLetter(origin, "core", reason, entry.body, size=len(entry.body), t_ns=now_ns)
    return Outcomes((), (letter,), 0, ())


def _together(parts: Sequence[Outcomes]) -> Outcomes:
    return Outcomes(
        [batch for part in parts for batch in part.accepted],
        [outcome for part in parts for outcome in part.outcomes],
        sum(part.duplicates for part in parts),
        tuple(dict.fromkeys(key for part in parts for key in part.changed)),
    )
