"""Records of the state under a CRC, so that a damaged one is known for what it is."""

import binascii


class StateError(Exception):
    """A stored record cannot be read, with the reason."""


def sealed(body: bytes) -> bytes:
    r"""A record as it is stored.

    >>> opened(sealed(b"x"))
    b'x'
    """
    return binascii.crc32(body).to_bytes(4, "big") + body


def opened(data: bytes) -> bytes:
    """What was sealed; raises StateError."""
    body = data[4:]
    if int.from_bytes(data[:4], "big") != binascii.crc32(body) or not body:
        msg = "its checksum does not match"
        raise StateError(msg)
    return body
