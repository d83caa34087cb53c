"""The learnt normal: where bands belong, how far they spread, how they go together, and how far that may move."""

import msgspec
import numpy as np

from models.contract import F64
from models.selflearning.cascade import Trail
from models.selflearning.memory import BAND_SPANS, BLOCK, LEVELS, SPANS, Memory
from models.selflearning.relation import CLOSEST, inverse, pairs, unpacked

LEAST = 4.0  # independent looks that the supposition about a band is worth
LOOSE = 1.0  # further ones a channel before relations are believed
MOST_ROWS = 50_000.0  # a band's memory: so many rows, or so many of its spans
MOST_SPANS = 200.0
DAY_NS = 86_400e9
MATURE_NS = 3 * DAY_NS  # an anchor is set when the normal has seen so much time
MATURE_ROWS = 4000.0
ROAM = 3.0  # spreads of the slowest band that the normal may move from its anchor
ROAM_PACE = BLOCK / (32.0 * SPANS[-1])
_LEVEL_SPANS = np.array(BAND_SPANS[:LEVELS], dtype=np.float64)[:, None]


class Shape(msgspec.Struct, frozen=True):
    """Spreads of all bands (c, BANDS, D), and the relations of the level bands (c, c, LEVELS, D)."""

    spread: F64
    precision: F64


def looks(memory: Memory) -> F64:
    """Spans seen of each level band, (c, LEVELS, D)."""
    return memory["count"][:, None] / _LEVEL_SPANS


def shape(memory: Memory) -> Shape:
    """Spreads and relations with what is not yet known filled in: a slower band is supposed as wide as the faster."""
    c, at = memory.channels, np.arange(memory.channels)
    packed = memory["moment"].swapaxes(0, 1).reshape(c * (c + 1) // 2, -1)
    moment = unpacked(packed, c).reshape(c, c, LEVELS, -1)
    own, seen = moment[at, at], looks(memory)
    floor = memory["floor"] * memory["floor"]
    square = np.empty((c, LEVELS + len(SPANS), floor.shape[1]))
    told, known = own * seen, seen + LEAST
    before = np.ones_like(floor)
    for band in range(LEVELS):
        before = np.maximum((told[:, band] + before * LEAST) / known[:, band], floor)
        square[:, band] = before
    told = memory["spread"].swapaxes(0, 1) * seen[:, 1:]
    before = np.full_like(floor, 0.05)  # variance of the restlessness of plain noise
    for band in range(len(SPANS)):
        before = np.maximum((told[:, band] + before * LEAST) / known[:, band + 1], floor)
        square[:, LEVELS + band] = before
    belief = np.minimum(CLOSEST, seen / (seen + LOOSE))
    part = np.sqrt(belief / np.maximum(own, square[:, :LEVELS]))
    relation = moment
    relation *= part[:, None]
    relation *= part
    relation[at, at] = 1.0
    precision = inverse(relation.reshape(c, c, -1)).reshape(relation.shape)
    return Shape(spread=np.sqrt(square), precision=precision)


def learn(memory: Memory, trail: Trail, moment: F64, square: F64, ease: F64) -> None:
    """Take a whole block.

    `moment` (c (c + 1) / 2, LEVELS, D) and `square` (c, SPANS, D) are weighted sums over its rows of the products of
    what level bands and of the squares of what restlessness bands show, `ease` (BANDS, D) that of learning.
    """
    together: F64 | float = float(BLOCK)
    rows: F64 | float = float(BLOCK)
    one, other = pairs(memory.channels)
    if trail.missed:
        together = (~np.all(trail.missing, axis=1)).sum(axis=0).astype(np.float64)
        rows = (~trail.missing).sum(axis=0).astype(np.float64)[:, None]
    count = memory["count"][:, None]
    most = np.maximum(MOST_ROWS, MOST_SPANS * _LEVEL_SPANS)
    before = memory["moment"].swapaxes(0, 1)
    before += (
        ease[:LEVELS] * (moment - together * before) / (np.minimum(np.minimum(count[one], count[other]), most) + BLOCK)
    )
    before = memory["spread"].swapaxes(0, 1)
    before += ease[LEVELS:] * (square - rows * before) / (np.minimum(count, most[1:]) + BLOCK)


def settle(memory: Memory, ease: F64, slowest: F64) -> None:
    """Let the place of normal follow, but only so far from its anchor once that is set.

    `slowest` (2, c, D) are the spreads of the slowest bands.
    """
    anchored = memory["anchored"] > 0
    young = BLOCK / (memory["count"] + BLOCK)
    pace = ease * np.where(anchored, ROAM_PACE, young)
    here = np.empty_like(memory["normal"])
    here[0], here[1] = memory["level"][-1], memory["restless"][-1]
    moved = memory["normal"] + pace * (here - memory["normal"])
    anchor, room = memory["anchor"], memory["room"]
    if anchored.any():
        held = np.minimum(np.maximum(moved, anchor - room), anchor + room)
        far = (held != moved) | (np.abs(here - anchor) > 2.0 * room)
        memory["normal"] = np.where(anchored, held, moved)
        memory["drifting"] = np.where(anchored & far.any(axis=(0, 1)), 1.0, 0.0)
    else:
        memory["normal"], memory["drifting"] = moved, 0.0
    ripe = ~anchored & (memory["seen_ns"] >= MATURE_NS) & (memory["count"].max(axis=0) >= MATURE_ROWS)
    if ripe.any():
        memory["room"] = np.where(ripe, ROAM * slowest, room)
        memory["anchor"] = np.where(ripe, memory["normal"], anchor)
        memory["anchored"] = np.where(ripe, 1.0, memory["anchored"])
