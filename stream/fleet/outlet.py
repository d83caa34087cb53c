"""Which topics and keys outcomes go to: scores and liveness of one input together, everything else by itself."""

from collections.abc import Iterable, Iterator

import msgspec

from wire.envelope import pack, pack_outcomes
from wire.messages import Advice, Alarm, DeadLetter, Liveness, Origin, Outcome, Scores
from wire.topics import ADVICE, ALARMS, DEAD, SCORES


class Parcel(msgspec.Struct, frozen=True):
    """One record to be sent."""

    topic: str
    key: bytes
    body: bytes


def parcels(outcomes: Iterable[Outcome]) -> Iterator[Parcel]:
    """The records for some outcomes; a record costs the same with one score in it or with hundreds.

    They are the same however inputs were taken together: what is told of one input is never divided.
    """
    together: dict[Origin, list[Outcome]] = {}
    for outcome in outcomes:
        match outcome:
            case Alarm():
                yield Parcel(ALARMS, f"{outcome.edge}/{outcome.device}/{outcome.rule}".encode(), pack(outcome))
            case Advice():
                yield Parcel(ADVICE, outcome.edge.encode(), pack(outcome))
            case DeadLetter():
                yield Parcel(DEAD, outcome.origin.edge.encode(), pack(outcome))
            case Scores() | Liveness():
                together.setdefault(outcome.origin, []).append(outcome)
    for origin, told in together.items():
        yield Parcel(SCORES, origin.edge.encode(), pack_outcomes(told))
