"""Lines that carry their checksum as NMEA 0183 does: `$body*hh`, hh being the XOR of the body's bytes."""

from functools import reduce
from operator import xor

from edge.sources.parsed import NOT_TEXT, Outcome, Parser, Unread

_STARTS = b"$!"
_TAIL = 3  # "*hh"


class Checked:
    """Lets only lines with the right checksum through to another parser."""

    starts_are_certain = True  # a torn line has lost its start character

    def __init__(self, inner: Parser) -> None:
        self._inner = inner

    def parse(self, line: bytes) -> Outcome:
        """Read the body of a line whose checksum is right."""
        sentence = line.strip(b" \t")
        if len(sentence) <= _TAIL or sentence[0] not in _STARTS or sentence[-_TAIL : 1 - _TAIL] != b"*":
            return Unread(reason=NOT_TEXT if not sentence.isascii() else "not of the form $...*hh")
        body = sentence[1:-_TAIL]
        if sentence[1 - _TAIL :].upper() != b"%02X" % reduce(xor, body, 0):
            return Unread(reason="checksum does not match")
        return self._inner.parse(body)
