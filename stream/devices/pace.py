"""How often a device and its channels speak: learnt from the first intervals, decided once, then fixed."""

import msgspec
import numpy as np
import numpy.typing as npt

from models.contract import F64, I64
from stream.devices.plan import NEVER, Plan
from wire.messages import NS_PER_S

INTERVALS = 16  # of a channel, before its interval is decided
FEW = 3  # intervals after which silence can be told from slowness
FINEST_NS = NS_PER_S // 1000  # a burst of messages stamped on arrival shows no interval
IRREGULAR = 2.0  # a channel whose 9th decile is this many medians speaks when it likes
BURST = 4  # or it speaks in bursts: steps of less than this part of the mean lie within one
BURSTS = 3  # seen at least, and then of one length within a quarter
ONE_MOMENT_NS = 1000  # rows that arrived together are told apart by single nanoseconds
SILENT_INTERVALS = 10
SILENT_NS = 10 * NS_PER_S
SILENT_UNSURE_NS = 60 * NS_PER_S
_LAST_DECILE = 0.9
_ALIKE = 1.25


class Pace(msgspec.Struct, frozen=True):
    """What is known of each channel's intervals, and the device's grid interval (0 = not yet known)."""

    seen: npt.NDArray[np.int64]  # c x INTERVALS, flat; empty when every channel is decided
    count: I64
    last_ns: I64
    interval_ns: I64  # 0 = not known, -1 = irregular
    longest_ns: int = 0
    every_ns: int = 0
    regular: bool = True

    @staticmethod
    def cold(channels: int) -> "Pace":
        """Nothing known."""
        zero = np.zeros(channels, dtype=np.int64)
        return Pace(np.zeros(channels * INTERVALS, dtype=np.int64), zero, np.full(channels, -1), zero)

    def grown(self, channels: int) -> "Pace":
        """The same with room for new channels."""
        more = Pace.cold(channels - self.count.size)
        seen = self.seen if self.seen.size else np.zeros(self.count.size * INTERVALS, dtype=np.int64)
        return msgspec.structs.replace(
            self,
            seen=np.concatenate([seen, more.seen]),
            count=np.concatenate([self.count, more.count]),
            last_ns=np.concatenate([self.last_ns, more.last_ns]),
            interval_ns=np.concatenate([self.interval_ns, more.interval_ns]),
        )

    @property
    def learns(self) -> bool:
        """Whether a channel is still undecided."""
        return bool(self.seen.size)


def learn(pace: Pace, t_ns: I64, fresh: F64) -> Pace:
    """Note the intervals of undecided channels; the first one decided sets the device's."""
    seen = pace.seen.reshape(-1, INTERVALS).copy()
    count, last, interval = pace.count.copy(), pace.last_ns.copy(), pace.interval_ns.copy()
    longest, every, regular = pace.longest_ns, pace.every_ns, pace.regular
    decided: list[int] = []
    for index in np.flatnonzero(count < INTERVALS):
        times = t_ns[~np.isnan(fresh[:, index])]
        if not times.size:
            continue
        steps = np.diff(times, prepend=last[index])[0 if last[index] >= 0 else 1 :]
        steps = steps[steps >= ONE_MOMENT_NS][: INTERVALS - count[index]]
        last[index] = times[-1]
        seen[index, count[index] : count[index] + steps.size] = steps
        count[index] += steps.size
        longest = max(longest, int(steps.max(initial=0)))
        if count[index] == INTERVALS:
            interval[index] = _decided(seen[index])
            decided.append(int(index))
    if decided and not every:
        fastest = min(decided, key=lambda index: int(seen[index].sum()))
        regular = bool(interval[fastest] > 0)
        every = int(interval[fastest]) if regular else _rounded(int(np.median(seen[fastest])))
    left = seen.reshape(-1) if (count < INTERVALS).any() else np.zeros(0, dtype=np.int64)
    return Pace(left, count, last, interval, longest, every, regular)


def silent_after_ns(pace: Pace, plan: Plan) -> int:
    """How long a device may say nothing; NEVER for one that speaks when it likes and is not configured.

    Unless configured: ten of its learnt (else configured) intervals, at least 10 s; before anything is decided, but
    after a few intervals, ten of the longest, at least 60 s.
    """
    if plan.device_silent_ns:
        return plan.device_silent_ns
    if pace.every_ns and not pace.regular:
        return NEVER
    every = pace.every_ns or plan.every_ns
    if every:
        return max(SILENT_NS, SILENT_INTERVALS * every)
    if pace.count.max(initial=0) >= FEW:
        return max(SILENT_UNSURE_NS, SILENT_INTERVALS * pace.longest_ns)
    return NEVER


def channels_silent_after_ns(pace: Pace, plan: Plan) -> I64:
    """The same for each channel; one whose interval is not known or irregular has none unless configured.

    Where nothing is said of a channel it is given as long as its device: else all of them ring before it does.
    """
    least = max(SILENT_NS, plan.device_silent_ns)
    learnt = np.where(pace.interval_ns > 0, np.maximum(least, SILENT_INTERVALS * pace.interval_ns), NEVER)
    return np.where(plan.silent_ns > 0, plan.silent_ns, learnt)


def _decided(steps: I64) -> int:
    if _spread(steps) <= IRREGULAR:
        return _rounded(int(np.median(steps)))
    between = steps[steps * BURST >= steps.mean()]
    if between.size >= BURSTS and _spread(between) <= _ALIKE:
        return _rounded(int(np.median(between)))
    return -1


def _spread(steps: I64) -> float:
    return float(np.quantile(steps, _LAST_DECILE) / np.median(steps))


def _rounded(ns: int) -> int:
    """Three digits are enough: the rest is jitter, and would differ after every restart."""
    ns = max(ns, FINEST_NS)
    unit = 10 ** (len(str(ns)) - 3)
    return int((ns + unit // 2) // unit * unit)
