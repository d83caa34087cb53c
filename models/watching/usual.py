"""What is usual: the reference of a model, from the rows that it was trained on.

Rows of one machine hang together for hours, so no test that takes them as independent knows what is usual. The rows of
training do: each contiguous block of theirs is held against all others, and what comes later may lie FACTOR times as
far off as the furthest of them.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from models.arrays import F64, I64
from models.watching.distance import distance, loud, quantiles, sampled, width
from models.watching.reference import NoReferenceError, Part, Reference, Seen, Spread

FACTOR = 2.5
FLOOR = 0.15  # widths of a channel, however alike the blocks were
SCORE_FLOOR = 0.2  # of the limit of a score
MISSING_FLOOR = 0.2  # share of a channel's rows
BLOCKS = 12  # that a short training is cut into
FEWEST_BLOCKS = 4  # that say what is usual
LEAST_ROWS = 20  # of a block
RUNS = (20, 100)  # units of a block
DAY_NS = 86_400_000_000_000
POINTS, FEWEST_POINTS, MOST_NUMBERS = 101, 11, 12_000  # quantiles of a channel; of all channels of all parts
MOST_CHANNELS = 1000
MOST_DEVICES = 8  # with a part of their own


def reference(
    channels: Sequence[str], devices: Mapping[str, Seen], *, units: bool = False, fails: float | None = None
) -> Reference:
    """Of all devices together, and of each where they are few; `units`: rows are units, and a block is so many of them.

    At most 200 KB as JSON. Raises NoReferenceError where the rows are too few to say what is usual.
    """
    known = {name: seen for name, seen in devices.items() if len(seen.t_ns)}
    block_ns = 0 if units else _block_ns(list(known.values()))
    low, high = RUNS
    block_rows = min(high, max(low, sum(len(seen.t_ns) for seen in known.values()) // BLOCKS)) if units else 0
    blocks = {name: _blocks(seen, block_ns, block_rows) for name, seen in known.items()}
    every = [block for mine in blocks.values() for block in mine]
    if units:
        every = _blocks(_joined(list(known.values())), 0, block_rows) if known else []
    if len(every) < FEWEST_BLOCKS:
        msg = f"its training rows make {len(every)} blocks of {LEAST_ROWS} rows or more: too few to know what is usual"
        raise NoReferenceError(msg)
    own = {name: mine for name, mine in blocks.items() if name and len(mine) >= FEWEST_BLOCKS}
    own = own if len(own) <= MOST_DEVICES else {}
    watched = min(len(channels), MOST_CHANNELS)
    points = int(np.clip(MOST_NUMBERS // max(1, watched * (1 + len(own))), FEWEST_POINTS, POINTS))
    if watched * (1 + len(own)) * points > 2 * MOST_NUMBERS:
        own = {}
    return Reference(
        channels=tuple(channels),
        parts={name: _part(mine, watched, points) for name, mine in {"": every, **own}.items()},
        block_ns=block_ns,
        block_rows=block_rows,
        every_ns=0 if units else _every_ns(known.values()),
        fails=fails,
    )


def _every_ns(devices: Iterable[Seen]) -> int:
    """The middle step between rows of the device that has most."""
    longest = max(devices, key=lambda seen: len(seen.t_ns))
    return int(np.median(np.diff(longest.t_ns)))


def _block_ns(devices: Sequence[Seen]) -> int:
    """The first length of a block that makes enough of them.

    A day where there are some, since a day has its own course; else a twelfth of the longest device, from its first row
    to its last; else, where gaps take most of that, of the time in which it has rows.
    """
    longest = max((int(seen.t_ns[-1] - seen.t_ns[0]) for seen in devices), default=0)
    lengths = [max(1, longest // BLOCKS)]
    if longest >= FEWEST_BLOCKS * DAY_NS:
        lengths.insert(0, DAY_NS)
    if longest:
        lengths.append(max(1, max(len(seen.t_ns) for seen in devices) * _every_ns(devices) // BLOCKS))
    enough = (each for each in lengths if sum(len(_blocks(seen, each, 0)) for seen in devices) >= FEWEST_BLOCKS)
    return next(enough, lengths[0])


def _blocks(seen: Seen, block_ns: int, block_rows: int) -> list[Seen]:
    """Contiguous ones with rows enough: half of what the middle one has."""
    number, of_score = _numbers(seen, block_ns, block_rows)
    found = []
    for each in np.unique(number):
        mine, said = number == each, of_score == each
        found.append(Seen(seen.t_ns[mine], seen.rows[mine], seen.score[said], seen.over[said], seen.score_ns[said]))
    usual = float(np.median([len(block.t_ns) for block in found])) if found else 0.0
    return [block for block in found if len(block.t_ns) >= max(LEAST_ROWS, usual / 2)]


def _numbers(seen: Seen, block_ns: int, block_rows: int) -> tuple[I64, I64]:
    """The block of each row and of each score."""
    if block_ns:
        start = seen.t_ns[0]
        return (seen.t_ns - start) // block_ns, (seen.score_ns - start) // block_ns
    return np.arange(len(seen.t_ns)) // block_rows, np.arange(len(seen.score_ns)) // block_rows


def _joined(parts: Sequence[Seen]) -> Seen:
    """Units of all in the order of their times."""
    t_ns = np.concatenate([part.t_ns for part in parts])
    score_ns = np.concatenate([part.score_ns for part in parts])
    order, later = np.argsort(t_ns, kind="stable"), np.argsort(score_ns, kind="stable")
    return Seen(
        t_ns=t_ns[order],
        rows=np.concatenate([part.rows for part in parts])[order],
        score=np.concatenate([part.score for part in parts])[later],
        over=np.concatenate([part.over for part in parts])[later],
        score_ns=score_ns[later],
    )


def _part(blocks: Sequence[Seen], channels: int, points: int) -> Part:
    shares = [float(np.mean(block.over)) for block in blocks if len(block.over)]
    return Part(
        channels=tuple(_channel([block.rows[:, at] for block in blocks], points) for at in range(channels)),
        score=_spread([loud(block.score) for block in blocks], points, wide=1.0, floor=SCORE_FLOOR),
        over=max(shares, default=0.0),
        least=max(LEAST_ROWS, int(np.median([len(block.t_ns) for block in blocks])) // 4),
        blocks=len(blocks),
    )


def _channel(parts: Sequence[F64], points: int) -> Spread:
    found = _spread(parts, points, wide=None, floor=FLOOR)
    missing = [float(np.mean(~np.isfinite(part))) for part in parts]
    usual = float(np.mean(missing))
    limit = min(1.0, max(missing) * FACTOR + MISSING_FLOOR)
    return Spread(found.quantiles, found.width, found.limit, missing=usual, missing_limit=limit)


def _spread(parts: Sequence[F64], points: int, *, wide: float | None, floor: float) -> Spread:
    """Of all parts together; its limit from how far each lies from the rest."""
    samples = [sampled(part) for part in parts]
    whole = np.concatenate(samples)
    wide = width(whole) if wide is None else wide
    off = [
        distance(sample, sampled(np.concatenate([*samples[:at], *samples[at + 1 :]])), wide)
        for at, sample in enumerate(samples)
    ]
    limit = max(floor, FACTOR * max(off))
    return Spread(quantiles(whole, points), float(f"{wide:.6g}"), float(f"{limit:.6g}"))
