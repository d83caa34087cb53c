"""Which runs are always tested to the end, so that what an advice saves and spoils is measured, not assumed."""

import hashlib

DIGEST = 8  # bytes


def whole(run: str, share: float) -> bool:
    """Whether a run is among that share of all: the BLAKE2b hash of its id (UTF-8, 8 bytes, read big-endian) below it.

    That is a share of 2**64. Anyone can compute it anew, and no one chooses a run.

    >>> [number for number in range(60) if whole(f"run-{number}", 0.05)]
    [8, 11, 25, 46]
    """
    digest = hashlib.blake2b(run.encode(), digest_size=DIGEST).digest()
    return int.from_bytes(digest, "big") < int(share * (1 << 8 * DIGEST))
