"""Recorded rows scored at once, as they would have been live."""

from collections.abc import Sequence

import msgspec
import numpy as np

from models.contract import Bools, Detector, Job, Scored
from models.decide import Deciding, Decision, decide
from models.recipe import Recipe
from models.table import Stretch, Table


class Judged(msgspec.Struct, frozen=True):
    """What came of one stretch."""

    stretch: Stretch
    scored: Scored
    alarm: Bools  # k


def score(model: Detector, table: Table, *, decision: Decision | None = None) -> list[Judged]:
    """Score each stretch from a cold start, and decide in which rows it rings (`decision`: the model's own)."""
    jobs = [job(model, stretch, table.channels) for stretch in table.stretches]
    rule = decision or model.decision
    return [
        Judged(stretch=stretch, scored=scored, alarm=decide(Deciding(), scored.score, rule).active)
        for stretch, scored in zip(table.stretches, model.advance(jobs), strict=True)
    ]


def by_unit(judged: Sequence[Judged], recipe: Recipe) -> list[Judged]:
    """Each unit by itself: as they are, or a row at a time where the recipe says that a row is a unit."""
    if not recipe.columns.unit_rows:
        return list(judged)
    return [_row(one, slice(at, at + 1)) for one in judged for at in range(len(one.alarm))]


def _row(one: Judged, row: slice) -> Judged:
    """One row; its state is that after the whole stretch, which nobody asks of a unit that is over."""
    scored = msgspec.structs.replace(
        one.scored,
        score=one.scored.score[row],
        contributions=one.scored.contributions[row],
        drift=one.scored.drift[row],
        outlook=None if one.scored.outlook is None else one.scored.outlook[row],
    )
    return Judged(stretch=one.stretch.part(row), scored=scored, alarm=one.alarm[row])


def job(model: Detector, stretch: Stretch, channels: Sequence[str]) -> Job:
    """The whole stretch as the first rows a device ever showed."""
    on = np.ones(len(stretch.t_ns), dtype=np.bool_)
    cold = model.cold(len(channels))
    return Job(state=cold, t_ns=stretch.t_ns, rows=stretch.rows, running=on, channels=tuple(channels))


def speechless(scored: Scored, running: Bools) -> bool:
    """Whether a row of a warm device that runs has neither a score nor an outlook: a model that works has one."""
    nothing = np.isnan(scored.score) & running
    if scored.outlook is not None and nothing.any():
        nothing &= np.isnan(scored.outlook).any(axis=1)
    return bool(nothing.any())
