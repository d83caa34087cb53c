from collections.abc import Sequence

import numpy as np

from models.contract import F64, Job, Scored
from models.judging.stops import MOST, stopped
from models.table import Stretch, Table
from tests.stream.plant import Distance

CHANNELS = ("S1/a", "S1/b", "S2/a", "S3/a")
NAN = float("nan")


class Highest(Distance):
    """Its score is the value measured last; it remembers how many units its group has seen."""

    def __init__(self) -> None:
        super().__init__("bench", 1)
        self.seen: list[tuple[float, int]] = []

    def cold(self, channels: int) -> F64:  # noqa: ARG002 -- whatever channels there are
        return np.zeros(1)

    def advance(self, jobs: Sequence[Job]) -> list[Scored]:
        return [self._said(job) for job in jobs]

    def _said(self, job: Job) -> Scored:
        score = np.array([row[~np.isnan(row)][-1] for row in job.rows], dtype=np.float32)
        if not job.learn:
            self.seen.append((float(job.state[0]), int((~np.isnan(job.rows)).sum())))
        return Scored(job.state + len(score), score, score[:, None], 1.0, np.zeros(len(score), np.bool_))


def _station(rows: list[list[float]], label: list[float]) -> Stretch:
    return Stretch("bench-1", np.arange(len(rows)), np.array(rows), np.array(label))


def test_a_unit_that_passes_is_stopped_if_it_is_after_any_step() -> None:
    rows = [[0.1, 0.2, 0.3, 0.1], [0.1, 0.2, 1.3, 0.1], [0.1, 9.0, NAN, 0.1], [9.0, 9.0, 9.0, 9.0]]
    model = Highest()
    assert stopped(model, Table(CHANNELS, (_station(rows, [0, 0, 0, 1]),))) == (2, 3)
    assert model.seen == [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 2), (2, 3)]


def test_only_the_newest_units_are_asked_about_and_the_others_are_known_to_their_group() -> None:
    model = Highest()
    found = stopped(model, Table(CHANNELS, (_station([[0.1] * 4] * (MOST + 7), [0.0] * (MOST + 7)),)))
    assert found == (0, MOST)
    assert model.seen[0] == (7, 2)


def test_where_columns_name_no_steps_nothing_can_be_told() -> None:
    assert stopped(Highest(), Table(("a", "b"), (Stretch("u", np.arange(1), np.ones((1, 2)), np.zeros(1)),))) is None
