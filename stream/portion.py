"""How much is worked on at once: each step of a test bench asks a model by itself, whatever comes with it."""

from collections.abc import Iterable

STEPS = 200  # at once, at some ms each: others of the same log or partition wait no longer than that
_STEP = b"step-ended"  # the tag of that event, as it stands in an envelope


def steps_ended(body: bytes) -> int:
    """How many steps a record tells the end of, found without opening it."""
    return body.count(_STEP)


def first(bodies: Iterable[bytes]) -> int:
    """How many of the first records to work on at once: those with no more steps than that, and at least one.

    >>> first([b"", b"step-ended" * 150, b"step-ended" * 100, b""]), first([b"step-ended" * 900])
    (2, 1)
    """
    taken = found = 0
    for body in bodies:
        found += steps_ended(body)
        if taken and found > STEPS:
            break
        taken += 1
    return taken
