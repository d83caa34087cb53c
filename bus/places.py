"""Which partition a key goes to, as every client of this bus reckons it: murmur2, the way Kafka's own does."""

_MASK = 0xFFFFFFFF
_M, _R, _SEED = 0x5BD1E995, 24, 0x9747B28C


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among so many.

    >>> partition_of(b"edge-1", 48), partition_of(b"hall-3", 48)
    (29, 23)
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """A. Appleby's MurmurHash2, 32 bit, with Kafka's seed; unsigned."""
    digest = _SEED ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        word = (word ^ word >> _R) * _M & _MASK
        digest = digest * _M & _MASK ^ word
    if rest := data[whole:]:
        digest = (digest ^ int.from_bytes(rest, "little")) * _M & _MASK
    digest = (digest ^ digest >> 13) * _M & _MASK
    return digest ^ digest >> 15
