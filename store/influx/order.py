"""Whether records come without holes; knows no Kafka."""

from wire.ports import Record
from wire.topics import ALARMS

COMPACTED = frozenset({ALARMS})  # their holes are no loss


class HoleError(Exception):
    """Records did not come; reading anew from what is committed brings them, if they are there."""


class Order:
    """The next offset of each partition, for as long as one reader is in its group."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, int], int] = {}

    def check(self, record: Record) -> None:
        """Raise HoleError where a record was left out; one that comes again is fine."""
        place = (record.topic, record.partition)
        wanted = self._next.get(place, record.offset)
        if record.offset > wanted and record.topic not in COMPACTED:
            msg = (
                f"{record.topic} partition {record.partition}: expected offset {wanted}, got {record.offset}; "
                "reading again from what is committed"
            )
            raise HoleError(msg)
        self._next[place] = record.offset + 1
