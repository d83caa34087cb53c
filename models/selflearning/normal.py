"""The learnt normal: where bands belong, how far they spread, how they go together, and how far that may move."""

import msgspec
import numpy as np

from models.contract import F64
from models.selflearning.cascade import Trail
from models.selflearning.memory import BAND_SPANS, BLOCK, LEVELS, SPANS, Memory
from models.selflearning.relation import CLOSEST, inverse, packed, unpacked

LEAST = 4.0  # independent looks that the supposition about a band is worth
LOOSE = 1.0  # further ones a channel before relations are believed
MOST_ROWS = 50_000.0  # a band's memory: so many rows, or so many of its spans
MOST_SPANS = 200.0
DAY_NS = 86_400e9
MATURE_NS = 3 * DAY_NS  # an anchor is set when the normal has seen so much time
MATURE_ROWS = 4000.0
ROAM = 3.0  # spreads of the slowest band that the normal may move from its anchor
ROAM_PACE = BLOCK / (32.0 * SPANS[-1])
_LEVEL_SPANS = np.array(BAND_SPANS[:LEVELS], dtype=np.float64)[:, None, None]


class Shape(msgspec.Struct, frozen=True):
    """Spreads of all bands (BANDS, c, D), and the relations of the level bands (LEVELS, c, c, D)."""

    spread: F64
    precision: F64


def looks(memory: Memory) -> F64:
    """Spans seen of each level band, (LEVELS, c, D)."""
    return memory["count"] / _LEVEL_SPANS


def shape(memory: Memory) -> Shape:
    """Spreads and relations with what is not yet known filled in: a slower band is supposed as wide as the faster."""
    c = memory.channels
    moment = unpacked(memory["moment"], c)
    own = moment[:, np.arange(c), np.arange(c)]
    seen = looks(memory)
    floor = memory["floor"] * memory["floor"]
    square = np.empty((LEVELS + len(SPANS), *floor.shape))
    before = np.ones_like(floor)
    for band in range(LEVELS):
        before = np.maximum((own[band] * seen[band] + before * LEAST) / (seen[band] + LEAST), floor)
        square[band] = before
    before = np.full_like(floor, 0.05)  # variance of the restlessness of plain noise
    for band in range(len(SPANS)):
        n = seen[band + 1]
        before = np.maximum((memory["spread"][band] * n + before * LEAST) / (n + LEAST), floor)
        square[LEVELS + band] = before
    spread = np.sqrt(square)
    wide = np.sqrt(np.maximum(own, square[:LEVELS]))
    belief = np.minimum(CLOSEST, seen / (seen + LOOSE))
    closeness = np.sqrt(belief[:, :, None] * belief[:, None])
    relation = closeness * moment / (wide[:, :, None] * wide[:, None])
    relation[:, np.arange(c), np.arange(c)] = 1.0
    return Shape(spread=spread, precision=inverse(relation))


def bands(memory: Memory, trail: Trail) -> F64:
    """What the rows of a block show at each band, (rows, BANDS, c, D)."""
    s = len(SPANS)
    out = np.empty((len(trail.jump), LEVELS + s, *trail.jump.shape[1:]))
    out[:, 0] = trail.jump
    for at, stages, normal in ((1, trail.level, memory["normal"][0]), (LEVELS, trail.restless, memory["normal"][1])):
        out[:, at : at + s - 1] = stages[:, :-1] - stages[:, 1:]
        out[:, at + s - 1] = stages[:, -1] - normal
    return out


def learn(memory: Memory, trail: Trail, shown: F64, weight: F64, ease: F64) -> None:
    """Take a whole block.

    `shown` is (BLOCK, BANDS, c, D), `weight` of each row (BLOCK, BANDS, D), `ease` of learning (BANDS, D).
    """
    c = memory.channels
    present = np.where(trail.missing, 0.0, 1.0)
    total, pairs = np.zeros((LEVELS, c, c, shown.shape[-1])), np.zeros((c, c, shown.shape[-1]))
    squares = np.zeros((len(SPANS), c, shown.shape[-1]))
    rows = np.zeros_like(present[0])
    for r in range(BLOCK):
        level = shown[r, :LEVELS] * present[r]
        total += (weight[r, :LEVELS, None] * level)[:, :, None] * level[:, None]
        pairs += present[r][:, None] * present[r]
        restless = shown[r, LEVELS:] * present[r]
        squares += weight[r, LEVELS:, None] * restless * restless
        rows += present[r]
    most = np.maximum(MOST_ROWS, MOST_SPANS * _LEVEL_SPANS)
    count = memory["count"]
    known = np.minimum(np.minimum(count[:, None], count[None]), most[..., None]) + BLOCK
    moment = unpacked(memory["moment"], c)
    memory["moment"] += packed(ease[:LEVELS, None, None] * (total - pairs * moment) / known)
    known = np.minimum(count, most[1:]) + BLOCK
    memory["spread"] += ease[LEVELS:, None] * (squares - rows * memory["spread"]) / known


def settle(memory: Memory, ease: F64, slowest: F64) -> None:
    """Let the place of normal follow, but only so far from its anchor once that is set.

    `slowest` (2, c, D) are the spreads of the slowest bands.
    """
    anchored = memory["anchored"] > 0
    young = BLOCK / (memory["count"] + BLOCK)
    pace = ease * np.where(anchored, ROAM_PACE, young)
    here = np.stack([memory["level"][-1], memory["restless"][-1]])
    moved = memory["normal"] + pace * (here - memory["normal"])
    anchor = memory["anchor"]
    held = np.clip(moved, anchor - memory["room"], anchor + memory["room"])
    far = (held != moved) | (np.abs(here - anchor) > 2.0 * memory["room"])
    memory["normal"] = np.where(anchored, held, moved)
    memory["drifting"] = np.where(anchored & far.any(axis=(0, 1)), 1.0, 0.0)
    ripe = ~anchored & (memory["seen_ns"] >= MATURE_NS) & (memory["count"].max(axis=0) >= MATURE_ROWS)
    memory["room"] = np.where(ripe, ROAM * slowest, memory["room"])
    anchor[:] = np.where(ripe, memory["normal"], anchor)
    memory["anchored"] = np.where(ripe, 1.0, memory["anchored"])
