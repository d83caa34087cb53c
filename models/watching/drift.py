"""Rows and scores of late against what is usual; pure, on arrays."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from models.arrays import F64
from models.watching.distance import distance, loud, sampled
from models.watching.finding import Finding, Watch
from models.watching.reference import Part, Reference, Seen, Spread

UNLIKELY = 1e-4  # that so many slices are beyond the threshold by chance


def drift(
    reference: Reference, seen: Seen, *, device: str = "", channels: Sequence[str] = (), slices: int = 1, rate: float
) -> Watch:
    """A finding a channel and of the scores, of rows that stand for a block.

    `slices`: how many stretches far from each other they are of, since rows of one stretch hang together. `rate`: of
    normal scores, that the recipe lets pass the threshold.
    """
    part = reference.part(device)
    if len(seen.t_ns) < part.least:
        return Watch(unwatched=(f"{len(seen.t_ns)} rows of late are too few to compare, {part.least} are needed",))
    findings = [*_inputs(reference, part, seen, channels or reference.channels), *_scores(part, seen, slices, rate)]
    left_out = len(reference.channels) - len(part.channels)
    return Watch(tuple(findings), (f"{left_out} of so many channels are not watched",) if left_out else ())


def _inputs(reference: Reference, part: Part, seen: Seen, channels: Sequence[str]) -> list[Finding]:
    place = {name: at for at, name in enumerate(channels)}
    nothing = np.full(len(seen.t_ns), np.nan)
    found = []
    for name, spread in zip(reference.channels, part.channels, strict=False):
        values = seen.rows[:, place[name]] if name in place else nothing
        found.append(_missing(name, spread, values))
        if spread.quantiles and np.isfinite(values).any():
            found.append(_moved(name, spread, values))
    return found


def _missing(name: str, spread: Spread, values: F64) -> Finding:
    share = float(np.mean(~np.isfinite(values)))
    return Finding(
        what="missing",
        channel=name,
        value=share,
        limit=spread.missing_limit,
        stands=share >= spread.missing_limit and share > spread.missing,
        says=f"{name} is missing in {share:.0%} of the rows, in training in {spread.missing:.0%}",
    )


def _moved(name: str, spread: Spread, values: F64) -> Finding:
    now = sampled(values)
    off = distance(now, np.array(spread.quantiles), spread.width)
    middle = float(np.median(now))
    return Finding(
        what="input",
        channel=name,
        value=off,
        limit=spread.limit,
        stands=off > spread.limit,
        says=f"{name} lies {off:.2g} of its width off (limit {spread.limit:.2g}): its middle is {middle:.4g}, "
        f"in training {spread.middle:.4g}",
    )


def _scores(part: Part, seen: Seen, slices: int, rate: float) -> list[Finding]:
    known = np.isfinite(seen.score)
    if int(known.sum()) < part.least:
        return []
    now = sampled(loud(seen.score[known]))
    off = distance(now, np.array(part.score.quantiles), part.score.width)
    share, expected = float(np.mean(seen.over[known])), max(rate, part.over)
    limit = max(1.0, float(binom.ppf(1.0 - UNLIKELY, slices, expected))) / slices
    return [
        Finding(
            what="score",
            value=off,
            limit=part.score.limit,
            stands=off > part.score.limit,
            says=f"its scores lie {off:.2g} off (limit {part.score.limit:.2g}): their middle is "
            f"{float(np.median(now)):.2g}, in training {part.score.middle:.2g}",
        ),
        Finding(
            what="over",
            value=share,
            limit=limit,
            stands=share > limit,
            says=f"{share:.1%} of its scores are beyond the threshold, by its training at most {expected:.1%}",
        ),
    ]
