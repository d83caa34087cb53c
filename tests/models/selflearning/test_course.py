import numpy as np
import pytest

from models.contract import F64, Job, Scored
from models.selflearning.online import Online

SECOND = 1_000_000_000
ROWS = 480


def noise(seed: int) -> F64:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ROWS, 1)) + rng.normal(size=(ROWS, 4))


def wild(rows: F64) -> F64:
    out = rows.copy()
    out[[203, 204, 310], [0, 1, 2]] += 40.0
    out[399] *= 40.0
    return out


def gaps(rows: F64) -> F64:
    out = rows.copy()
    out[[100, 207, 208, 330], [0, 1, 2, 3]] = np.nan
    return out


def job(rows: F64, *, skips: bool = False) -> Job:
    t_ns = np.arange(1, len(rows) + 1, dtype=np.int64) * SECOND
    t_ns[300:] += 40 * SECOND * skips
    return Job(state=Online().cold(4), t_ns=t_ns, rows=rows, running=np.ones(len(rows), dtype=np.bool_))


def same(one: Scored, other: Scored) -> bool:
    parts = ("state", "score", "contributions")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in parts)


FLEET = [job(noise(1)), job(wild(noise(2))), job(gaps(noise(3))), job(noise(4), skips=True), job(gaps(wild(noise(5))))]


@pytest.mark.parametrize("at", range(len(FLEET)))
def test_a_device_with_wild_or_missing_rows_and_its_neighbours_score_as_if_alone(at: int) -> None:
    together = Online().advance(FLEET)
    (alone,) = Online().advance([FLEET[at]])
    assert same(together[at], alone)


@pytest.mark.parametrize("at", range(len(FLEET)))
@pytest.mark.parametrize("cut", [203, 204, 205, 208, 210, 301, 311, 333])
def test_a_cut_beside_a_wild_or_missing_row_changes_no_bit(at: int, cut: int) -> None:
    whole = FLEET[at]
    (first,) = Online().advance([part(whole, whole.state, slice(cut))])
    (second,) = Online().advance([part(whole, first.state, slice(cut, None))])
    (at_once,) = Online().advance([whole])
    assert second.state.tobytes() == at_once.state.tobytes()
    assert np.concatenate([first.score, second.score]).tobytes() == at_once.score.tobytes()


def part(whole: Job, state: F64, rows: slice) -> Job:
    return Job(state=state, t_ns=whole.t_ns[rows], rows=whole.rows[rows], running=whole.running[rows])


def test_a_lone_wild_value_moves_the_level_no_further_than_the_limit_lets_it() -> None:
    rows = noise(6)
    spiked = rows.copy()
    spiked[400, 0] += 1e6
    (calm,) = Online().advance([job(rows[:401])])
    (after,) = Online().advance([job(spiked[:401])])
    assert after.score[400] > 100.0
    (next_row,) = Online().advance([part(job(rows), after.state, slice(401, 416))])
    (usual,) = Online().advance([part(job(rows), calm.state, slice(401, 416))])
    assert next_row.score.max() < 2.0 * usual.score.max() + 1.0
