"""First-order lags over whole chunks: heat, inertia and noise that remembers."""

from functools import lru_cache

import numpy as np

from simulators.rows import CHUNK, F64

_SIDE = 64  # CHUNK = 64 x 64: two small triangular products do what 4096 steps would
assert _SIDE * _SIDE == CHUNK


class Lag:
    """y follows its input with time constant `tau_s`, starting from `begin`, or settled on its first input."""

    def __init__(self, tau_s: float, every_ns: int, begin: float | None = None) -> None:
        self._keep = float(np.exp(-every_ns / (tau_s * 1e9)))
        self._last = begin

    def follow(self, target: F64) -> F64:
        """The lagged course over one chunk."""
        before = float(target[0]) if self._last is None else self._last
        lagged = _recursion(self._keep, (1.0 - self._keep) * target, before)
        self._last = float(lagged[-1])
        return lagged


class Coloured:
    """Noise of unit variance that forgets with time constant `tau_s`."""

    def __init__(self, tau_s: float, every_ns: int) -> None:
        self._keep = float(np.exp(-every_ns / (tau_s * 1e9)))
        self._last: float | None = None

    def of(self, white: F64) -> F64:
        """Colour one chunk of standard normals."""
        before = float(white[0]) if self._last is None else self._last
        noise = _recursion(self._keep, float(np.sqrt(1.0 - self._keep**2)) * white, before)
        self._last = float(noise[-1])
        return noise


def _recursion(keep: float, drive: F64, before: float) -> F64:
    """y[i] = keep * y[i-1] + drive[i], with y[-1] = before."""
    inner, outer, fade = _triangles(keep)
    local = drive.reshape(_SIDE, _SIDE) @ inner
    ends = np.empty(_SIDE)
    ends[0] = before
    ends[1:] = local[:-1, -1]
    course: F64 = local + (outer @ ends)[:, None] * fade
    return course.reshape(CHUNK)


@lru_cache(maxsize=64)
def _triangles(keep: float) -> tuple[F64, F64, F64]:
    steps = np.arange(_SIDE)
    apart = steps[None, :] - steps[:, None]
    inner: F64 = np.where(apart >= 0, np.power(keep, 1.0 * np.maximum(apart, 0)), 0.0)
    outer: F64 = np.where(apart.T >= 0, np.power(keep, float(_SIDE) * np.maximum(apart.T, 0)), 0.0)
    fade: F64 = np.power(keep, steps + 1.0)
    return inner, outer, fade
