from collections.abc import Sequence

import msgspec
import numpy as np

from models.contract import F64, Job, Scored
from models.judging.stops import MOST, Asked, stopped
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


def _counted(found: Asked | None) -> tuple[int, int]:
    assert found is not None
    assert (found.weight == 1.0).all()
    return int(found.stopped.sum()), len(found.stopped)


def test_a_unit_that_passes_is_stopped_if_it_is_after_any_step() -> None:
    rows = [[0.1, 0.2, 0.3, 0.1], [0.1, 0.2, 1.3, 0.1], [0.1, 9.0, NAN, 0.1], [9.0, 9.0, 9.0, 9.0]]
    model = Highest()
    assert _counted(stopped(model, Table(CHANNELS, (_station(rows, [0, 0, 0, 1]),)))) == (2, 3)
    assert model.seen == [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 2), (2, 3)]


def test_only_the_newest_units_are_asked_about_and_the_others_are_known_to_their_group() -> None:
    model = Highest()
    found = stopped(model, Table(CHANNELS, (_station([[0.1] * 4] * (MOST + 7), [0.0] * (MOST + 7)),)))
    assert _counted(found) == (0, MOST)
    assert model.seen[0] == (7, 2)


def test_where_columns_name_no_steps_nothing_can_be_told() -> None:
    assert stopped(Highest(), Table(("a", "b"), (Stretch("u", np.arange(1), np.ones((1, 2)), np.zeros(1)),))) is None


def test_units_that_stand_for_others_are_asked_about_however_old_they_are_and_the_newest_stand_for_the_others() -> None:
    count = 2 * MOST
    rows = [[0.1] * 4] * count
    rows[7] = [9.0] * 4
    station = _station(rows, [0.0] * count)
    weight = np.where(np.arange(count) == 7, 20.0, 1.0)
    model = Highest()
    found = stopped(model, Table(CHANNELS, (msgspec.structs.replace(station, weight=weight),)))
    assert found is not None
    assert [int(at) for at in np.flatnonzero(found.stopped)] == [0]
    assert found.weight.tolist() == [20.0] + [(count - 1) / MOST] * MOST
    assert model.seen[0] == (7, 2)
    assert model.seen[3] == (MOST, 2), "it knows all units of its group before it"
