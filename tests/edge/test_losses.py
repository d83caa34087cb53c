from edge.losses import LIMIT, Losses
from wire.messages import Gap


def gap(device: str, from_ns: int, to_ns: int, rows: int) -> Gap:
    return Gap(device=device, from_ns=from_ns, to_ns=to_ns, rows=rows, reason="outbox full")


def test_losses_of_a_device_are_one_gap_over_all_of_them() -> None:
    losses = Losses()
    for one in (gap("a", 5, 9, 2), gap("b", 1, 1, 1), gap("a", 2, 3, 4)):
        losses.add(one)
    assert losses.take() == (gap("a", 2, 9, 6), gap("b", 1, 1, 1))
    assert losses.take() == ()


def test_a_gap_of_unknown_size_stays_apart_from_counted_ones() -> None:
    losses = Losses()
    for one in (gap("a", 1, 2, 5), gap("a", 3, 4, -1), gap("a", 5, 6, -1)):
        losses.add(one)
    assert losses.take() == (gap("a", 1, 2, 5), gap("a", 3, 6, -1))


def test_losses_of_very_many_devices_are_bounded_and_still_add_up() -> None:
    losses = Losses()
    for n in range(LIMIT + 500):
        losses.add(gap(f"d{n}", n, n, 2))
    found = losses.take()
    assert len(found) == LIMIT + 1
    assert sum(one.rows for one in found) == 2 * (LIMIT + 500)
    assert found[-1] == Gap("*", LIMIT, LIMIT + 499, 1000, "several losses")


def test_a_record_that_no_one_can_read_is_still_counted() -> None:
    losses = Losses()
    losses.add_record(b"damaged", rows=7, clock_ns=3, reason="outbox full")
    assert losses.take() == (Gap("*", 3, 3, 7, "outbox full, unreadable"),)
