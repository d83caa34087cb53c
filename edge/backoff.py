"""How long to wait before trying again; chance comes as an argument."""

import random
from collections.abc import Iterator

FIRST_S = 0.5


def delays_s(rng: random.Random, *, cap_s: float = 60.0, first_s: float = FIRST_S) -> Iterator[float]:
    """Waiting times that double up to a cap, each cut by up to half at random so that a site does not knock in step.

    >>> [round(s, 2) for s, _ in zip(delays_s(random.Random(1), cap_s=3), range(5))]
    [0.28, 0.92, 1.76, 1.88, 2.24]
    """
    delay_s = first_s
    while True:
        yield min(delay_s, cap_s) * rng.uniform(0.5, 1.0)
        delay_s = min(delay_s * 2, cap_s)
