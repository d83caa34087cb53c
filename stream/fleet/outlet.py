"""Which topic and key an outcome goes to."""

from wire.envelope import pack
from wire.messages import Advice, Alarm, DeadLetter, Outcome
from wire.topics import ADVICE, ALARMS, DEAD, SCORES


def addressed(outcome: Outcome) -> tuple[str, bytes, bytes]:
    """The topic, the key and the bytes of an outcome."""
    match outcome:
        case Alarm():
            return ALARMS, f"{outcome.edge}/{outcome.device}/{outcome.rule}".encode(), pack(outcome)
        case Advice():
            return ADVICE, outcome.edge.encode(), pack(outcome)
        case DeadLetter():
            return DEAD, outcome.origin.edge.encode(), pack(outcome)
        case _:
            return SCORES, outcome.edge.encode(), pack(outcome)
