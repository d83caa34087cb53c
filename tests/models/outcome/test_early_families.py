import numpy as np

from models.contract import F64
from models.outcome.early_families import families


def covariance() -> F64:
    """Of six measurements: 0, 2 and 5 look at one thing, 1 and 4 at another, against each other; 3 stands alone."""
    rng = np.random.default_rng(0)
    one, two, own = rng.normal(size=(3, 4000))
    parts = [one, two, one, own, -two, one]
    found: F64 = np.cov(np.stack(parts) + 0.5 * rng.normal(size=(6, 4000)))
    return found


def test_measurements_that_look_at_one_thing_are_a_family_in_their_order_and_with_their_signs() -> None:
    found = families(covariance())
    assert found.order.tolist() == [0, 2, 5, 1, 4]
    assert found.starts.tolist() == [0, 3]
    assert found.sign[:3].tolist() == [1.0, 1.0, 1.0]
    assert found.sign[3] == -found.sign[4]


def test_a_familys_level_grows_with_what_agrees_and_its_newest_are_the_last_two() -> None:
    z = np.array([[1.0, 0.5, 2.0, 9.0, -0.5, 3.0], [1.0, np.nan, np.nan, 9.0, np.nan, 3.0]])
    level, _, newest, _ = families(covariance()).told(z, np.ones(6, dtype=np.bool_))
    np.testing.assert_allclose(level, [6.0 / np.sqrt(3), 4.0 / np.sqrt(2)])
    np.testing.assert_allclose(newest, [2.5, 3.0])


def test_what_is_still_to_be_measured_is_not_told() -> None:
    z = np.full((1, 6), 2.0)
    found = families(covariance())
    level, other, newest, _ = found.told(z, np.arange(6) < 1)
    assert level.tolist() == [2.0]
    assert newest.tolist() == [2.0]
    assert np.isnan(other).all()
    assert found.told(z, np.zeros(6, dtype=np.bool_))[0].shape == (1,)


def test_where_nothing_goes_together_there_is_no_family() -> None:
    assert families(np.eye(4)).told(np.zeros((3, 4)), np.ones(4, dtype=np.bool_)) == []
    assert families(np.eye(1)).told(np.zeros((3, 1)), np.ones(1, dtype=np.bool_)) == []
