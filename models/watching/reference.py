"""What a model was trained on, small enough to lie beside it: quantiles, and how far usual blocks lie off."""

from collections.abc import Mapping

import msgspec

from models.arrays import F64, I64, Bools

FORMAT = 1
FILE = "reference.json"


class NoReferenceError(ValueError):
    """Nothing is known to compare with; the message says why."""


class Seen(msgspec.Struct, frozen=True):
    """Rows of one device, or units in order, as a model gets them; and what it said, not row by row."""

    t_ns: I64  # n
    rows: F64  # n x c, NaN = missing
    score: F64  # m, NaN = none
    over: Bools  # m: beyond the model's threshold
    score_ns: I64  # m


class Spread(msgspec.Struct, frozen=True, array_like=True):
    """How a channel, or the score, is spread."""

    quantiles: tuple[float, ...]  # at the middles of so many equal shares; none: never a number
    width: float  # that holds nearly all of it
    limit: float  # widths that a later block may lie off
    missing: float = 0.0  # share
    missing_limit: float = 1.0

    @property
    def middle(self) -> float:
        """The median."""
        return self.quantiles[len(self.quantiles) // 2] if self.quantiles else float("nan")


class Part(msgspec.Struct, frozen=True):
    """Of one device, or of all."""

    channels: tuple[Spread, ...]  # in the order of the reference's; fewer where there are too many
    score: Spread
    over: float  # largest share of a block's scores beyond the threshold
    least: int  # rows that a later block needs to be compared
    blocks: int


class Reference(msgspec.Struct, frozen=True):
    """See the module. `parts` by device; "" is all of them."""

    channels: tuple[str, ...]
    parts: Mapping[str, Part]
    block_ns: int = 0  # how long a block is; 0: it is so many units
    block_rows: int = 0
    every_ns: int = 0  # between two rows, mostly
    fails: float | None = None  # share of units that failed
    format: int = FORMAT

    def part(self, device: str) -> Part:
        """What is known of a device, else of all."""
        return self.parts.get(device) or self.parts[""]


def encoded(reference: Reference) -> bytes:
    """As it lies beside the model."""
    return msgspec.json.encode(reference)


def decoded(content: bytes) -> Reference:
    """Raises NoReferenceError."""
    try:
        found = msgspec.json.decode(content, type=Reference)
    except msgspec.DecodeError as error:
        msg = f"not a reference: {error}"
        raise NoReferenceError(msg) from error
    if found.format != FORMAT or "" not in found.parts:
        msg = f"a reference of format {found.format}, this Tocsin reads format {FORMAT}"
        raise NoReferenceError(msg)
    return found
