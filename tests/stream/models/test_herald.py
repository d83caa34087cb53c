from stream.models.herald import AGAIN_S, Herald, Wanted, change
from stream.models.versions import Versions

PUMP = Wanted("pump", "champion", 2)
BROKEN = Wanted("pump", "champion", 3, trouble="damaged")


def test_a_wish_is_written_once() -> None:
    herald = Herald()
    assert herald.due([PUMP], {}, now_s=0.0, at_end=True) == [PUMP]
    herald.said(PUMP, 0.0)
    assert not herald.due([PUMP], {}, now_s=AGAIN_S / 2, at_end=True)
    assert not herald.due([PUMP], {"pump": Versions(2)}, now_s=10 * AGAIN_S, at_end=True)


def test_a_wish_that_came_to_nothing_is_written_again_once_all_was_read() -> None:
    herald = Herald()
    herald.said(PUMP, 0.0)
    assert not herald.due([PUMP], {"pump": Versions(1)}, now_s=AGAIN_S, at_end=False)
    assert herald.due([PUMP], {"pump": Versions(1)}, now_s=AGAIN_S, at_end=True) == [PUMP]


def test_what_comes_to_nothing_again_and_again_is_written_ever_more_seldom() -> None:
    herald, now_s, written = Herald(), 0.0, []
    for _ in range(3600):
        if herald.due([PUMP], {"pump": Versions(1)}, now_s=now_s, at_end=True):
            herald.said(PUMP, now_s)
            written.append(now_s)
        now_s += 1.0
    assert written[:4] == [0.0, 5.0, 15.0, 35.0]
    assert len(written) < 20


def test_what_was_not_written_is_still_due() -> None:
    herald = Herald()
    herald.due([PUMP], {}, now_s=0.0, at_end=True)
    assert herald.due([PUMP], {}, now_s=0.1, at_end=True) == [PUMP]


def test_trouble_is_told_once_and_so_is_its_end() -> None:
    herald, models = Herald(), {"pump": Versions(2)}
    herald.said(PUMP, 0.0)
    assert herald.due([BROKEN], models, now_s=1.0, at_end=True) == [BROKEN]
    herald.said(BROKEN, 1.0)
    assert not herald.due([BROKEN], models, now_s=100.0, at_end=True)
    assert herald.due([PUMP], models, now_s=101.0, at_end=True) == [PUMP]


def test_a_candidate_is_a_wish_of_its_own() -> None:
    herald, none = Herald(), Wanted("pump", "candidate", 0)
    herald.said(PUMP, 0.0)
    herald.said(none, 0.0)
    models = {"pump": Versions(2, candidate=3)}
    assert herald.due([PUMP, none], models, now_s=AGAIN_S, at_end=True) == [none]
    assert (change(none, 5).role, change(none, 5).version, change(none, 5).at_ns) == ("candidate", 0, 5)
