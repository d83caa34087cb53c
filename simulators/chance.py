"""Chance as a pure function of seed, name and place in time, so that nothing depends on what was drawn before."""

import zlib

import numpy as np
import numpy.typing as npt

from simulators.rows import CHUNK, F64, I64

_MASK = (1 << 64) - 1
_U64 = npt.NDArray[np.uint64]


class Chance:
    """All that is random about one individual."""

    def __init__(self, seed: int) -> None:
        self._seed = seed & _MASK

    def uniform(self, name: str, index: I64) -> F64:
        """One number in [0, 1) for each index, by hashing (SplitMix64, Steele et al. 2014)."""
        salt = _mixed_int(self._seed ^ _mixed_int(zlib.crc32(name.encode())))
        hashed = _mixed((index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt))
        drawn: F64 = (hashed >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return drawn

    def trait(self, name: str, low: float, high: float) -> float:
        """A property this individual has for life, between low and high."""
        return low + (high - low) * float(self.uniform(name, np.zeros(1, dtype=np.int64))[0])

    def seed(self, name: str) -> int:
        """A seed for a part of this individual."""
        return _mixed_int(self._seed ^ _mixed_int(zlib.crc32(name.encode()) + 1))

    def level(self, name: str, slot: I64) -> F64:
        """A uniform number for each time slot; `slot` must not decrease."""
        first, last = int(slot[0]), int(slot[-1])
        if last - first >= len(slot):
            return self.uniform(name, slot)
        return self.uniform(name, np.arange(first, last + 1, dtype=np.int64))[slot - first]

    def wander(self, name: str, t_ns: I64, slot_ns: int) -> F64:
        """A smooth curve between -1 and 1 with a new turning point every slot; stationary for ever."""
        slot = t_ns // slot_ns
        place = (t_ns - slot * slot_ns) / slot_ns
        weight = place * place * (3.0 - 2.0 * place)
        here, there = self.level(name, slot), self.level(name, slot + 1)
        curve: F64 = 2.0 * (here + (there - here) * weight) - 1.0
        return curve

    def bumps(self, name: str, t_ns: I64, *, slot_ns: int, share: float, last_ns: tuple[int, int]) -> F64:
        """Brief events as half sines of random height in [-1, 1]: one in a `share` of the slots, 0 elsewhere."""
        slot = t_ns // slot_ns
        width = last_ns[0] + (last_ns[1] - last_ns[0]) * self.level(f"{name} width", slot)
        begin = self.level(f"{name} begin", slot) * (slot_ns - width)
        place = (t_ns - slot * slot_ns - begin) / width
        height = 2.0 * self.level(f"{name} height", slot) - 1.0
        on = (self.level(f"{name} here", slot) < share) & (place > 0) & (place < 1)
        event: F64 = np.where(on, height * np.sin(np.pi * np.where(on, place, 0.0)), 0.0)
        return event

    def noise(self, name: str, chunk: int, columns: int) -> F64:
        """CHUNK x columns standard normals that belong to one chunk (counter-based, so in any order)."""
        key = [self.seed(name), chunk & _MASK]
        return np.random.Generator(np.random.Philox(key=key)).standard_normal((columns, CHUNK)).T


def _mixed_int(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def _mixed(x: _U64) -> _U64:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: _U64 = x ^ (x >> np.uint64(31))
    return mixed
