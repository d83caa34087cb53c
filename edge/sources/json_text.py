"""JSON as devices write it: NaN and Infinity too, and what is none with its reason; knows no fields."""

import json

import msgspec

from edge.sources.parsed import NOT_TEXT, Unread

NO_OBJECT = "JSON, but no object"
TOO_DEEP = Unread(reason="JSON nested too deeply")
TWICE = Unread(reason="two values of one name")
_UNDECODED = Unread(reason=NOT_TEXT)
_decoder = msgspec.json.Decoder()


def decoded(line: bytes) -> object:
    """What a text holds, or Unread with the reason; never raises."""
    try:
        return _decoder.decode(line)
    except RecursionError:
        return TOO_DEEP
    except UnicodeDecodeError:
        return _UNDECODED
    except msgspec.DecodeError:
        return _with_nan(line)


def _with_nan(line: bytes) -> object:
    """The standard library's decoder knows the literals NaN and Infinity, which Python and JavaScript devices send."""
    try:
        found: object = json.loads(line.decode())
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair is no text that could be stored
    except UnicodeDecodeError:
        return _UNDECODED
    except ValueError:
        return Unread(reason="not JSON")
    except RecursionError:
        return TOO_DEEP
    return found


def repeats(line: bytes) -> bool:
    """Whether an object holds a key twice, of which decoders keep the last without a word."""
    twice = False

    def note(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal twice
        found = dict(pairs)
        twice = twice or len(found) < len(pairs)
        return found

    json.loads(line.decode(), object_pairs_hook=note)
    return twice
