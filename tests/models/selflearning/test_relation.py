import numpy as np
import pytest

from models.contract import F64, Job
from models.selflearning.online import Online
from models.selflearning.relation import SMALLEST, imputed, inverse, pairs, products, times, unpacked

every_width = pytest.mark.parametrize("channels", [1, 2, 3, 8, 16])


def related(channels: int, lanes: int) -> F64:
    """Matrices that are symmetric and positive definite, with ones on the diagonal."""
    half = np.random.default_rng(channels).normal(size=(channels, channels + 3, lanes))
    half /= np.sqrt(np.square(half).sum(axis=1, keepdims=True))
    out: F64 = np.einsum("iax,jax->ijx", half, half)
    return out


def shown(channels: int, lanes: int) -> F64:
    return np.random.default_rng(lanes).normal(size=(16, channels, lanes))


@every_width
@pytest.mark.parametrize("lanes", [1, 2, 3, 5, 7, 64, 130])
def test_a_lane_has_the_same_bits_in_any_company(channels: int, lanes: int) -> None:
    matrix, vector = related(channels, 130), shown(channels, 130)
    all_times, all_products = times(matrix, vector), products(vector, 2.0 * vector)
    for first in (0, 63, 130 - lanes):
        mine = slice(first, first + lanes)
        some, these = np.ascontiguousarray(matrix[..., mine]), np.ascontiguousarray(vector[..., mine])
        assert times(some, these).tobytes() == np.ascontiguousarray(all_times[..., mine]).tobytes()
        assert times(some, these[3]).tobytes() == np.ascontiguousarray(all_times[3, :, mine]).tobytes()
        column = times(matrix[:, :1], vector)[..., mine]
        assert times(some[:, :1], these).tobytes() == np.ascontiguousarray(column).tobytes()
        if lanes > 1:  # the bands of a device are at least four
            assert products(these, 2.0 * these).tobytes() == np.ascontiguousarray(all_products[:, mine]).tobytes()


@every_width
def test_rows_have_the_same_bits_however_many_come_at_once(channels: int) -> None:
    matrix, vector = related(channels, 5), shown(channels, 5)
    whole = times(matrix, vector)
    for rows in range(1, 16):
        assert times(matrix, vector[:rows]).tobytes() == whole[:rows].tobytes()


@every_width
def test_products_and_sums_are_those_of_plain_matrices(channels: int) -> None:
    matrix, vector = related(channels, 4), shown(channels, 4)
    one, other = pairs(channels)
    for lane in range(4):
        plain = vector[:, :, lane]
        np.testing.assert_allclose(times(matrix, vector)[:, :, lane], plain @ matrix[:, :, lane])
        np.testing.assert_allclose(products(vector, vector)[:, lane], (plain.T @ plain)[one, other])


@every_width
def test_the_inverse_undoes_the_matrix(channels: int) -> None:
    matrix = related(channels, 4)
    undone = np.einsum("ijx,jkx->ikx", inverse(matrix), matrix)
    np.testing.assert_allclose(undone, np.broadcast_to(np.eye(channels)[..., None], undone.shape), atol=1e-7)


@every_width
def test_a_matrix_is_unpacked_from_its_upper_half(channels: int) -> None:
    matrix = related(channels, 3)
    one, other = pairs(channels)
    np.testing.assert_array_equal(unpacked(matrix[one, other], channels), matrix)


def test_a_missing_channel_is_put_where_the_other_lets_expect() -> None:
    relation = np.array([[1.0, 0.9], [0.9, 1.0]])[..., None]
    vector = np.array([[2.0, -5.0]])[..., None]
    filled = imputed(inverse(relation), vector, np.array([[False, True]])[..., None])
    np.testing.assert_allclose(filled[0, :, 0], [2.0, 1.8])


def test_relations_that_do_not_hold_together_have_an_inverse_that_is_positive_and_no_larger_than_closeness_allows() -> (
    None
):
    almost = np.full((3, 3, 1), 0.999)
    almost[[0, 1, 2], [0, 1, 2]] = 1.0
    almost[0, 1] = almost[1, 0] = 0.9  # the third channel cannot go with both of them so closely
    assert np.linalg.eigvalsh(almost[..., 0]).min() < 0
    values = np.linalg.eigvalsh(inverse(almost)[..., 0])
    assert values.min() > 0
    assert values.max() < 10.0 / SMALLEST


@pytest.mark.parametrize("seed", [8, 9, 10])
def test_a_machine_whose_close_channels_miss_values_rings_for_a_fault_and_for_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, fault = 20_000, 19_000
    common = np.cumsum(rng.normal(size=rows)) * 0.02
    values = common[:, None] * rng.uniform(0.5, 2.0, 8) + 0.02 * rng.normal(size=(rows, 8))
    values[fault:, 3] += 0.5  # far less than it moves by itself, but alone
    values[rng.random(values.shape) < 0.02] = np.nan
    detector = Online()
    job = Job(detector.cold(8), np.arange(rows) * 1_000_000_000, values, np.ones(rows, dtype=np.bool_))
    score = detector.advance([job])[0].score
    assert np.nanmax(score[2000:fault]) < 1.0
    assert np.nanmax(score[fault : fault + 60]) >= 1.0
