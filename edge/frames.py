"""Rows into frames: which rows share one, and how it is laid out; knows nothing of clocks."""

import sys
from array import array
from collections.abc import Callable

from edge.roster import Roster
from wire.messages import Frame

FRAME_BYTES = 256 * 1024  # a frame is cut at this size, so that batches can be
SINGLE_MAX = 3.4028234663852886e38  # beyond it a single float is infinite

_Key = tuple[str, tuple[str, ...], bool]
SingleRule = Callable[[str, tuple[str, ...]], bool]


class OpenFrame:
    """A frame that still takes rows."""

    __slots__ = ("key", "limit", "single", "t_ns", "values", "width")

    def __init__(self, key: _Key, *, single: bool) -> None:
        self.key = key
        self.single = single
        self.width = len(key[1])
        self.limit = max(1, FRAME_BYTES // (8 + self.width * (4 if single else 8)))
        self.t_ns: list[int] = []
        self.values: list[float] = []

    def close(self) -> Frame:
        """The finished frame. Raises TypeError, ValueError or OverflowError for what is no number or no channel."""
        device, channels, own = self.key
        times = array("q", self.t_ns)
        single = self.single and not any(abs(value) > SINGLE_MAX for value in self.values)
        values = array("f" if single else "d", self.values)
        if sys.byteorder == "big":
            times.byteswap()
            values.byteswap()
        return Frame(device, channels, times.tobytes(), values.tobytes(), "f4" if single else "f8", own)


class Framer:
    """Lays rows into frames by device, channel list and kind of times; within a frame times strictly increase.

    An equal stamp is moved by 1 ns and counted in `moved`; an older row starts another frame.
    """

    def __init__(self, single: SingleRule, roster: Roster) -> None:
        self.moved = 0
        self._single = single
        self._roster = roster
        self._open: dict[_Key, OpenFrame] = {}
        self._all: list[OpenFrame] = []

    def add(self, device: str, channels: tuple[str, ...], values: tuple[float, ...], t_ns: int, own: bool) -> None:  # noqa: FBT001 (once a row: keywords cost a tenth of the speed)
        """Lay one row. Raises ValueError if the values do not fit the channels, or these are too many."""
        key = (device, channels, own)
        frame = self._open.get(key)
        if frame is None:
            frame = self._begin(key)
        times = frame.t_ns
        if times and t_ns <= times[-1]:
            if t_ns == times[-1]:
                t_ns += 1
                self.moved += 1
            else:
                frame = self._begin(key)
                times = frame.t_ns
        if len(values) != frame.width:
            msg = f"{len(values)} values for {frame.width} channels"
            raise ValueError(msg)
        times.append(t_ns)
        frame.values.extend(values)
        if len(times) >= frame.limit:
            del self._open[key]

    def frames(self) -> list[Frame]:
        """All frames in the order in which they were begun."""
        return [frame.close() for frame in self._all if frame.t_ns]

    def _begin(self, key: _Key) -> OpenFrame:
        self._roster.enter(key[0], key[1])
        frame = self._open[key] = OpenFrame(key, single=self._single(key[0], key[1]))
        self._all.append(frame)
        return frame
