"""Which channel lists there are, each under a number that its rows carry; knows nothing of a database."""

from collections.abc import Iterable, Sequence

import msgspec

from wire.messages import Scores

WIDEST = 1024  # columns that rows are widened to; wider tables take more memory than the database may use
MOST_PER_DEVICE = 256  # then rows are widened to the device's whole channel list, so that subsets cannot pile up


class ChannelSet(msgspec.Struct, frozen=True):
    """The channels of some rows of one device, in the order of their columns."""

    id: int
    edge: str
    device: str
    channels: tuple[str, ...]
    width: int  # of the table that holds the rows


class Scorer(msgspec.Struct, frozen=True):
    """What scored some rows of one device: a version of a model over these channels, in some role."""

    id: int
    edge: str
    device: str
    model: str
    version: int
    channels: tuple[str, ...]
    role: str = "champion"


class Place(msgspec.Struct, frozen=True):
    """Where rows of a frame go: the set, and the column of each of the frame's channels (None: in order)."""

    kept_as: ChannelSet
    columns: tuple[int, ...] | None = None


class SetBook:
    """All channel sets and scorers; what a failed transaction had added is forgotten by `forget`."""

    def __init__(self, sets: Iterable[ChannelSet] = (), scorers: Iterable[Scorer] = ()) -> None:
        """Start from what is stored."""
        self._sets = {(s.edge, s.device, s.channels): s for s in sets}
        self._scorers = {_key(s): s for s in scorers}
        self._per_device: dict[str, int] = {}
        for kept in self._sets.values():
            self._per_device[kept.device] = self._per_device.get(kept.device, 0) + 1
        self.new_sets: list[ChannelSet] = []
        self.new_scorers: list[Scorer] = []

    def place(self, edge: str, device: str, channels: tuple[str, ...], known: Sequence[str]) -> Place:
        """Where rows with these channels go; `known` are all the device's channels, these among them."""
        found = self._sets.get((edge, device, channels))
        if found is not None:
            return Place(found)
        if self._per_device.get(device, 0) < MOST_PER_DEVICE or len(known) > WIDEST:
            return Place(self._add(edge, device, channels))
        whole = tuple(known)
        wide = self._sets.get((edge, device, whole)) or self._add(edge, device, whole)
        return Place(wide, tuple(whole.index(name) for name in channels))

    def scorer(self, said: Scores) -> Scorer:
        """The number under which scores of this model over these channels are stored."""
        number = len(self._scorers) + 1
        asked = Scorer(number, said.edge, said.device, said.model, said.version, said.channels, said.role)
        found = self._scorers.setdefault(_key(asked), asked)
        if found is asked:
            self.new_scorers.append(found)
        return found

    def settle(self) -> None:
        """What was new is stored now."""
        self.new_sets.clear()
        self.new_scorers.clear()

    def forget(self) -> None:
        """What was new was not stored."""
        for kept in self.new_sets:
            del self._sets[kept.edge, kept.device, kept.channels]
            self._per_device[kept.device] -= 1
        for s in self.new_scorers:
            del self._scorers[_key(s)]
        self.settle()

    def _add(self, edge: str, device: str, channels: tuple[str, ...]) -> ChannelSet:
        width = width_of(len(channels))
        kept = ChannelSet(len(self._sets) + 1, edge, device, channels, width)
        self._sets[edge, device, channels] = kept
        self._per_device[device] = self._per_device.get(device, 0) + 1
        self.new_sets.append(kept)
        return kept


def _key(s: Scorer) -> tuple[str, str, str, int, tuple[str, ...], str]:
    return (s.edge, s.device, s.model, s.version, s.channels, s.role)


def width_of(channels: int) -> int:
    """The width of the table that holds rows of so many channels: the next power of two.

    >>> [width_of(n) for n in (1, 2, 3, 8, 9, 1000)]
    [1, 2, 4, 8, 16, 1024]
    """
    return 1 << (channels - 1).bit_length()
