"""Rows that a trained model scores as they were sent: whether they come whole, and which of a batch they are."""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.contract import F64, I64
from stream.devices.grid import Rows
from wire.messages import Frame


def in_pieces(frames: Sequence[Frame], wanted: tuple[str, ...]) -> bool | None:
    """Whether some frame brings no more than half of a model's channels: a piece of rows, which a grid puts together.

    Frames that bring none of them say nothing of it: None where there are no others.
    """
    shares = [len(set(wanted).intersection(frame.channels)) for frame in frames]
    return any(2 * share <= len(wanted) for share in shares if share) if any(shares) else None


class Sent(msgspec.Struct, frozen=True):
    """The rows of one batch that concern a model. `aside`: times of frames with other channels alone."""

    columns: I64
    aside: I64

    @staticmethod
    def of(frames: Sequence[Frame], wanted: tuple[str, ...], channels: tuple[str, ...]) -> "Sent":
        """Tell them by what frames bring; `channels`: of the device."""
        names = set(wanted)
        times = [np.frombuffer(frame.t_ns, "<i8") for frame in frames if names.isdisjoint(frame.channels)]
        columns = [at for at, name in enumerate(channels) if name in names]
        return Sent(np.array(columns, dtype=np.int64), np.concatenate(times) if times else np.zeros(0, dtype=np.int64))

    def rows(self, t_ns: I64, values: F64) -> Rows:
        """Those of some rows in time order."""
        if not self.aside.size:
            return Rows(t_ns, values)
        mine = ~(np.isin(t_ns, self.aside) & np.isnan(values[:, self.columns]).all(axis=1))
        return Rows(t_ns[mine], values[mine])
