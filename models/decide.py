"""From scores to "it rings" and "it is over": threshold, k of n, hysteresis; the same live and in batch."""

import msgspec
import numpy as np

from models.arrays import F32, F64, Bools

LONGEST_WINDOW = 64
TURN = 512  # rows looked at in one go: a score that crosses its limit every other row must not cost the square of them


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When scores ring. Rows with no score count for nothing."""

    threshold: float = 1.0  # a row at or above it is a hit
    k: int = 4  # so many hits ...
    n: int = 40  # ... among so many rows ring
    clear: float = 0.8  # rows below it are quiet ...
    quiet: int = 60  # ... and so many in a row end the ringing
    least: int = 0  # rows that it rings at least

    def __post_init__(self) -> None:
        """Refuse a decision that cannot be taken."""
        if not 1 <= self.k <= self.n <= LONGEST_WINDOW or self.quiet < 1 or self.least < 0:
            msg = f"a decision needs 1 <= k <= n <= {LONGEST_WINDOW}, quiet >= 1 and least >= 0, got {self}"
            raise ValueError(msg)
        if not 0.0 < self.clear <= self.threshold < float("inf"):
            msg = f"a decision needs 0 < clear <= threshold, got {self}"
            raise ValueError(msg)


DEFAULT = Decision()


class Deciding(msgspec.Struct, frozen=True, array_like=True):
    """What must be remembered from one call to the next."""

    active: bool = False
    hits: int = 0  # bits of the last n - 1 scored rows, newest lowest; meaningless while active
    calm: int = 0  # quiet rows up to now
    rung: int = 0  # scored rows since it began to ring
    peak: float = 0.0  # while active, or of the ringing that has just ended


_QUIET = Deciding()


class Change(msgspec.Struct, frozen=True):
    """It began to ring at row `index`, or was over there; `peak` is the highest score so far."""

    index: int
    active: bool
    peak: float


class Decided(msgspec.Struct, frozen=True):
    """What came of a stretch of scores."""

    state: Deciding
    changes: tuple[Change, ...]
    active: Bools  # of each row


def decide(state: Deciding, score: F32 | F64, decision: Decision = DEFAULT) -> Decided:
    """Decide on the next scores of one device; any split of them gives the same.

    >>> import numpy as np
    >>> decided = decide(Deciding(), np.array([0.2, 1.1, 1.2, 1.3, 0.1]), Decision(k=3, n=5, quiet=1))
    >>> [(change.index, change.active) for change in decided.changes]
    [(3, True), (4, False)]
    """
    if state == _QUIET and not (score >= decision.threshold).any():
        return Decided(state, (), np.zeros(len(score), dtype=np.bool_))  # most rows of most machines
    rows = np.flatnonzero(~np.isnan(score))
    known = np.asarray(score, dtype=np.float64)[rows]
    changes: list[Change] = []
    active = np.full(len(score), state.active, dtype=np.bool_)
    at = 0
    while at < len(known):
        before = state.active
        turn = known[at : at + TURN]
        taken, state = _until_over(state, turn, decision) if before else _until_rung(state, turn, decision)
        at += taken
        if state.active != before:
            change = Change(int(rows[at - 1]), state.active, state.peak)
            active[change.index :] = change.active
            changes.append(change)
    return Decided(state, tuple(changes), active)


def _until_rung(state: Deciding, known: F64, decision: Decision) -> tuple[int, Deciding]:
    past = decision.n - 1
    hits = np.concatenate([np.array(_bits(state.hits, past), dtype=np.int64), (known >= decision.threshold)])
    total = np.concatenate([[0], np.cumsum(hits)])
    rings = np.flatnonzero(total[decision.n :] - total[: -decision.n] >= decision.k)
    if rings.size:
        return int(rings[0]) + 1, Deciding(active=True, peak=float(known[rings[0]]))
    newest = hits[len(hits) - past :].tolist()
    return len(known), Deciding(hits=sum(bit << (past - 1 - i) for i, bit in enumerate(newest)))


def _bits(hits: int, past: int) -> list[int]:
    return [(hits >> (past - 1 - i)) & 1 for i in range(past)]


def _until_over(state: Deciding, known: F64, decision: Decision) -> tuple[int, Deciding]:
    row = np.arange(len(known))
    loud = np.maximum.accumulate(np.where(known < decision.clear, -1 - state.calm, row))
    calm = row - loud
    rung = state.rung + row + 1
    over = np.flatnonzero((calm >= decision.quiet) & (rung >= decision.least))
    taken = int(over[0]) + 1 if over.size else len(known)
    peak = max(state.peak, float(known[:taken].max()))
    if over.size:
        return taken, Deciding(peak=peak)
    return taken, Deciding(active=True, calm=int(calm[-1]), rung=int(rung[-1]), peak=peak)
