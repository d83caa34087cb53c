"""Who let which alias of a model point where, when and why: `NAME/history.json`, the newest last."""

from collections.abc import Mapping, Sequence

import msgspec

from models.registry.errors import ModelDamagedError
from models.succession import followed

MOST = 1000  # pointings kept of a model; of more, the oldest go


class Pointing(msgspec.Struct, frozen=True, kw_only=True):
    """An alias was let point at another version."""

    at_ns: int  # UTC
    alias: str
    old: int  # 0: it named nothing before
    new: int  # 0: it names nothing any more
    who: str = ""
    why: str = ""


_reader = msgspec.json.Decoder(tuple[Pointing, ...])


def encoded(history: Sequence[Pointing]) -> bytes:
    """As it stands on disk."""
    return msgspec.json.format(msgspec.json.encode(history[-MOST:]), indent=2)


def decoded(content: bytes, where: str) -> tuple[Pointing, ...]:
    """What a file spells out; raises ModelDamagedError."""
    try:
        return _reader.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        msg = f"{where}: not a history: {error}; remove it, and the next promotion begins a new one"
        raise ModelDamagedError(msg) from error


def true(history: Sequence[Pointing], aliases: Mapping[str, int]) -> tuple[Pointing, ...]:
    """What of a history came to be: it is written first, so of a crash its newest entry may have come to nothing."""
    if history and aliases.get(history[-1].alias, 0) != history[-1].new:
        return tuple(history[:-1])
    return tuple(history)


def before(history: Sequence[Pointing], alias: str, now: int) -> int:
    """The version that an alias named before the one of now, 0 if none is known; going back forgets what was left.

    >>> steps = [Pointing(at_ns=0, alias="champion", old=old, new=new) for old, new in ((1, 2), (2, 3), (3, 2))]
    >>> before(steps, "champion", 2), before(steps[:2], "champion", 3)
    (1, 2)
    """
    line: tuple[int, ...] = ()
    at = 0
    for step in history:
        if step.alias == alias and step.new:
            line, at = followed(line, step.old, step.new), step.new
    return line[-1] if line and at == now else 0
