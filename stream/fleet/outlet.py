"""Which topics and keys outcomes go to: scores and liveness of one input together, everything else by itself."""

from collections.abc import Iterable, Iterator

import msgspec

from wire.envelope import pack, pack_outcomes
from wire.messages import Advice, Alarm, DeadLetter, Label, Liveness, Origin, Outcome, Run, Scores
from wire.topics import ADVICE, ALARMS, DEAD, SCORES

LARGEST_BYTES = 7 * 1024 * 1024  # of a record; brokers take 8 MiB with all that is around it
TOGETHER_BYTES = 2 * 1024 * 1024  # of the arrays of scores in one record
SMALL_BYTES = 500  # what an outcome takes beside its arrays, about
NAMED = 200  # characters of a name that is told of


class Parcel(msgspec.Struct, frozen=True):
    """One record to be sent; the key chooses the partition where none is given."""

    topic: str
    key: bytes
    body: bytes
    partition: int = -1


def parcels(outcomes: Iterable[Outcome]) -> Iterator[Parcel]:
    """The records for some outcomes; a record costs the same with one score in it or with hundreds.

    They are the same however inputs were taken together: what is told of one input is divided by its own size alone.
    One that no broker would take becomes a dead letter: it comes of names that nobody would give.
    """
    together: dict[Origin, list[Scores | Liveness]] = {}
    for outcome in outcomes:
        if isinstance(outcome, Scores | Liveness):
            together.setdefault(outcome.origin, []).append(outcome)
        else:
            parcel = _alone(outcome)
            yield parcel if _fits(parcel) else _alone(_too_large(outcome, parcel))
    for origin, told in together.items():
        for part in _parts(told):
            parcel = Parcel(SCORES, origin.edge.encode(), pack_outcomes(part))
            yield parcel if _fits(parcel) else _alone(_too_large(part[0], parcel))


def _alone(outcome: Alarm | Advice | Run | Label | DeadLetter) -> Parcel:
    match outcome:
        case Alarm():
            return Parcel(ALARMS, f"{outcome.edge}/{outcome.device}/{outcome.rule}".encode(), pack(outcome))
        case Advice() | Run() | Label():
            return Parcel(ADVICE, outcome.edge.encode(), pack(outcome))
        case DeadLetter():
            return Parcel(DEAD, outcome.origin.edge.encode(), pack(outcome))


def _fits(parcel: Parcel) -> bool:
    return len(parcel.key) + len(parcel.body) <= LARGEST_BYTES


def _too_large(outcome: Outcome, parcel: Parcel) -> DeadLetter:
    origin = msgspec.structs.replace(outcome.origin, edge=outcome.origin.edge[:NAMED], log=outcome.origin.log[:NAMED])
    size = len(parcel.key) + len(parcel.body)
    reason = f"what came of it takes {size} bytes on {parcel.topic}: no more than {LARGEST_BYTES} are given to the bus"
    return DeadLetter(origin, "outcomes", reason, b"", device=getattr(outcome, "device", "")[:NAMED])


def _parts(told: list[Scores | Liveness]) -> Iterator[list[Scores | Liveness]]:
    """Outcomes of one input by what goes into a record."""
    if sum(_size(outcome) for outcome in told) <= TOGETHER_BYTES:
        yield told
        return
    part: list[Scores | Liveness] = []
    size = 0
    for outcome in told:
        for piece in _pieces(outcome) if isinstance(outcome, Scores) else [outcome]:
            more = _size(piece)
            if part and size + more > TOGETHER_BYTES:
                yield part
                part, size = [], 0
            part.append(piece)
            size += more
    yield part


def _pieces(scores: Scores) -> Iterator[Scores]:
    """Scores of many rows as several of fewer."""
    width = 4 * len(scores.channels)
    rows = max(1, (TOGETHER_BYTES - SMALL_BYTES) // (8 + 4 + width))
    for start in range(0, max(1, len(scores.score) // 4), rows):
        end = start + rows
        yield msgspec.structs.replace(
            scores,
            t_ns=scores.t_ns[8 * start : 8 * end],
            score=scores.score[4 * start : 4 * end],
            contributions=scores.contributions[width * start : width * end],
        )


def _size(outcome: Scores | Liveness) -> int:
    if isinstance(outcome, Liveness):
        return SMALL_BYTES
    return SMALL_BYTES + len(outcome.t_ns) + len(outcome.score) + len(outcome.contributions)
