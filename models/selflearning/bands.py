"""What a block shows band by band: how odd it is, and what there is to learn of it."""

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from models.selflearning.cascade import Trail
from models.selflearning.memory import BAND_SPANS, BANDS, FRESH, LEVELS, SETTLED, SPANS, Memory
from models.selflearning.normal import Shape, looks
from models.selflearning.relation import imputed, pairs, products, times

LOOK = 0.5  # independent looks of a span, for what follows one another is alike
HUBER = 2.0  # spreads beyond which a row counts for less in what is learnt
_LEVEL_SPANS = np.array(BAND_SPANS[:LEVELS], dtype=np.float64)[:, None]


class Asked(msgspec.Struct, frozen=True):
    """What of a block is looked at."""

    scale: F64  # one by the square of the limit, 0 where nothing is judged (rows or 1, c, BANDS, D)
    mute: Bools | None  # (rows, c, D) that say nothing, if any
    fresh: Bools | None  # (rows, D) just started, if any
    whole: bool  # a block is full: there is something to learn


class Odd(msgspec.Struct, frozen=True):
    """What the bands of a block came to. Oddness stands squared; "by its limit" where it is judged, else 0."""

    top: F64  # of each row and channel the largest by its limit, (rows, c, D)
    most: F64  # of each band the largest by its limit, (BANDS, D)
    last: F64  # of the last row by its limit, (BANDS, c, D)
    largest: F64  # among settled and among fresh rows, (2, BANDS, c, D)
    moment: F64  # weighted sums over the rows: of the products of two channels, (c (c + 1) / 2, LEVELS, D), ...
    square: F64  # ... and of squares of restlessness, (c, SPANS, D)

    def take(self, devices: I64) -> "Odd":
        """The same for some of the devices."""
        return Odd(*(getattr(self, name)[..., devices] for name in self.__struct_fields__))


def look(memory: Memory, trail: Trail, form: Shape, asked: Asked) -> Odd:
    """Go through the bands of level, then those of restlessness."""
    c, devices = trail.raw.shape[1:]
    odd = Odd(
        top=np.zeros_like(trail.raw),
        most=np.empty((BANDS, devices)),
        last=np.empty((BANDS, c, devices)),
        largest=np.zeros((2, BANDS, c, devices)),
        moment=np.empty((c * (c + 1) // 2, LEVELS, devices)),
        square=np.empty((c, len(SPANS), devices)),
    )
    for bands in (slice(LEVELS), slice(LEVELS, BANDS)):
        level = bands.start is None
        shown = _levels(memory, trail) if level else _restless(memory, trail)
        found = shown * (1.0 / form.spread[:, bands])
        found = _alone(memory, trail, form, found) if level else np.multiply(found, found, out=found)
        if asked.mute is not None:
            found = np.where(asked.mute[:, :, None], 0.0, found)
        largest = _largest(found, asked.fresh)
        odd.largest[:, bands] = largest.swapaxes(1, 2)
        if asked.whole:
            _sum(odd, trail, form, shown, found)
        found *= asked.scale[:, :, bands]
        np.maximum(odd.top, found.max(axis=2), out=odd.top)
        most = found.max(axis=0) if len(asked.scale) > 1 else largest[SETTLED] * asked.scale[0, :, bands]
        odd.most[bands] = most.max(axis=0)
        odd.last[bands] = found[-1].swapaxes(0, 1)
    return odd


def _levels(memory: Memory, trail: Trail) -> F64:
    """What the rows show at the bands of level, (rows, c, LEVELS, D)."""
    rows, c, devices = trail.raw.shape
    out = np.empty((rows, c, LEVELS, devices))
    out[:, :, 0] = trail.jump
    _steps(trail.level, memory["normal"][0], out[:, :, 1:])
    return out


def _restless(memory: Memory, trail: Trail) -> F64:
    rows, c, devices = trail.raw.shape
    out = np.empty((rows, c, len(SPANS), devices))
    _steps(trail.restless, memory["normal"][1], out)
    return out


def _steps(stages: F64, normal: F64, out: F64) -> None:
    """From each stage to the next slower, and from the slowest to the normal."""
    for stage in range(len(SPANS) - 1):
        np.subtract(stages[stage], stages[stage + 1], out=out[:, :, stage])
    np.subtract(stages[-1], normal, out=out[:, :, -1])


def _alone(memory: Memory, trail: Trail, form: Shape, shown: F64) -> F64:
    """How far each channel is from what the others let expect, in its spreads, squared; works in `shown`."""
    level, precision = _lanes(shown), _lanes(form.precision)
    if trail.missed:
        long = trail.missing[:, :, None] & (trail.away[:, :, None] >= _LEVEL_SPANS / 4)
        level = imputed(precision, level, long.reshape(level.shape))
    at = np.arange(len(precision))
    alone = times(precision, level)
    total = np.einsum("njx,njx->nx", level, alone)
    np.multiply(alone, alone, out=alone)
    alone *= 1.0 / precision[at, at]
    # Where the others are where they have never been, what they let expect is uncertain (as in any regression).
    strange = np.subtract(total[:, None], alone, out=level)
    np.maximum(strange, 0.0, out=strange)
    strange *= _lanes(1.0 / np.maximum(LOOK * looks(memory), 1.0))
    strange += 1.0
    np.divide(alone, strange, out=alone)
    return alone.reshape(shown.shape)


def _lanes(array: F64) -> F64:
    """The bands of all devices side by side on one axis."""
    return array.reshape(*array.shape[:-2], array.shape[-2] * array.shape[-1])


def _sum(odd: Odd, trail: Trail, form: Shape, shown: F64, found: F64) -> None:
    """Add up what is to be learnt; what is odd counts for less."""
    weight = 1.0 / np.maximum(1.0, found.max(axis=1) / (HUBER * HUBER))
    if shown.shape[2] == LEVELS:
        if trail.missed:
            shown = _completed(trail, form, shown)
        odd.moment[:] = products(_lanes(shown * weight[:, None]), _lanes(shown)).reshape(odd.moment.shape)
        if trail.missed:
            _open(odd, trail, form, weight)
        return
    if trail.missed:
        shown = np.where(trail.missing[:, :, None], 0.0, shown)
    np.einsum("nckd,nckd->ckd", shown * weight[:, None], shown, out=odd.square)


def _completed(trail: Trail, form: Shape, shown: F64) -> F64:
    """Rows with what is missing at what the others let expect; 0 where all is.

    Products of pairs, each from the rows that have both, would be relations that do not hold together.
    """
    spread, missing = form.spread[:, :LEVELS], np.broadcast_to(trail.missing[:, :, None], shown.shape)
    known = np.where(missing, 0.0, shown) / spread
    filled = imputed(_lanes(form.precision), _lanes(known), missing.reshape(_lanes(known).shape))
    return np.where(missing, filled.reshape(shown.shape) * spread, shown)


def _open(odd: Odd, trail: Trail, form: Shape, weight: F64) -> None:
    """Add what is uncertain of a value made up for (Dempster, Laird, Rubin 1977), or relations would feed themselves.

    Rows of which all is missing count for nothing.
    """
    at = np.arange(trail.missing.shape[1])
    partly = trail.missing & ~np.all(trail.missing, axis=1, keepdims=True)
    rows = np.einsum("ncd,nkd->ckd", partly.astype(np.float64), weight)
    one, other = pairs(len(at))
    odd.moment[one == other] += rows * np.square(form.spread[:, :LEVELS]) / form.precision[at, at]


def _largest(found: F64, fresh: Bools | None) -> F64:
    """Among settled and among fresh rows, (2, c, bands, D)."""
    out = np.zeros((2, *found.shape[1:]))
    if fresh is None:
        np.max(found, axis=0, out=out[SETTLED])
        return out
    young = fresh[:, None, None]
    np.max(np.where(young, 0.0, found), axis=0, out=out[SETTLED])
    np.max(np.where(young, found, 0.0), axis=0, out=out[FRESH])
    return out
