"""One partition of an archive between two cuts: what is held of it, and where it stands; writes nothing."""

from store.archive.lanes import Lanes
from store.archive.manifest import Cut
from wire.ports import Record


class Track:
    """One partition from its last finished cut on: the records that are held, and where its lanes stood before."""

    def __init__(self, newest: Cut | None, opened: Cut | None) -> None:
        self.newest = newest
        self.opened = opened
        self.looked_up: Cut | None = None  # an older one, whose records come again
        self.held: list[Record] = []
        self.bytes = 0
        self.since_s: float | None = None  # when the oldest record that is in no file came
        self.due_s: float | None = None  # when what is held is to be looked at
        self.swept = False  # what a crash may have left under `open/` is gone

    @property
    def next(self) -> int | None:
        """The offset that has to come next; None: any."""
        if self.held:
            return self.held[-1].offset + 1
        return self.newest.end if self.newest is not None else None

    def hold(self, record: Record, *, now_s: float, hold_s: float) -> None:
        """Hold one more record."""
        self.held.append(record)
        self.bytes += len(record.body)
        self.since_s = now_s if self.since_s is None else self.since_s
        self.due_s = now_s + hold_s if self.due_s is None else self.due_s

    def let_go(self) -> None:
        """Hold nothing."""
        self.held, self.bytes, self.since_s, self.due_s = [], 0, None, None

    def first(self) -> int:
        """Where the cut begins that is being filled."""
        return self.newest.end if self.newest is not None else self.held[0].offset

    def lanes(self) -> Lanes:
        """Where the lanes stood when that cut began."""
        return Lanes(self.newest.lanes if self.newest is not None else ())
