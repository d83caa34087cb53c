from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from edge.deliveries import Deliveries
from edge.lane import Delivered

keys = st.lists(st.lists(st.integers(0, 40).map(lambda n: b"%d" % n), min_size=1, max_size=5), max_size=40)


@given(keys)
def test_the_newest_keys_are_known_and_a_bounded_number_is_kept(groups: Sequence[Sequence[bytes]]) -> None:
    deliveries = Deliveries(limit=10)
    written: dict[int, Delivered] = {}
    for group in groups:
        added, forgotten = deliveries.remember({"s": group})
        written.update({one.place: one for one in added})
        for place in forgotten:
            del written[place]
    newest: list[bytes] = []
    for group in reversed(groups):
        if len(set(newest)) < 10:
            newest.extend(group)
    assert all(deliveries.knows("s", key) for key in newest)
    known = {b"%d" % n for n in range(41) if deliveries.knows("s", b"%d" % n)}
    assert len(known) < 10 + 5 + 5
    again = Deliveries(written.values(), limit=10)
    assert {b"%d" % n for n in range(41) if again.knows("s", b"%d" % n)} == known


def test_a_key_that_comes_again_outlives_the_first_of_its_name() -> None:
    deliveries = Deliveries(limit=2)
    deliveries.remember({"s": [b"a"]})
    deliveries.remember({"s": [b"a"]})
    deliveries.remember({"s": [b"b"]})
    deliveries.remember({"s": [b"c"]})
    assert deliveries.knows("s", b"b")
    assert deliveries.knows("s", b"c")


def test_sources_do_not_share_keys_and_long_keys_are_known_too() -> None:
    deliveries = Deliveries()
    deliveries.remember({"one": [b"k" * 1000]})
    assert deliveries.knows("one", b"k" * 1000)
    assert not deliveries.knows("one", b"k" * 999)
    assert not deliveries.knows("other", b"k" * 1000)
