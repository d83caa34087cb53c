"""The watchdog's judgement, with the brokers' answers given."""

from collections.abc import Sequence

from stream.fleet.watchdog import Places, Watchdog
from wire.ports import BusError

Answer = Places | str


def verdicts(answers: Sequence[Answer], *, mine: set[int], every_s: float = 10.0) -> list[bool]:
    """What a watchdog with 30 s of patience says to answers that come every 10 s; a string is a broker away."""
    left = list(answers)

    def places() -> Places:
        answer = left.pop(0)
        if isinstance(answer, str):
            raise BusError(answer)
        return answer

    dog = Watchdog(places=places, mine=lambda: mine, stuck_s=30.0)
    return [bool(dog.look(number * every_s)) for number in range(len(answers))]


def test_a_worker_that_stands_while_its_lag_grows_is_stuck() -> None:
    assert verdicts([{0: (5, 10 + n)} for n in range(5)], mine={0}) == [False, False, False, True, True]


def test_a_partition_never_read_is_seen_too() -> None:
    assert verdicts([{0: (100, 100 + n), 1: (0, n)} for n in range(5)], mine={0, 1})[-1]


def test_one_that_moves_is_not_stuck_however_far_behind() -> None:
    assert not any(verdicts([{0: (5 + n, 1000 * n)} for n in range(9)], mine={0}))


def test_one_that_has_nothing_to_do_is_not_stuck() -> None:
    assert not any(verdicts([{0: (5, 5)} for _ in range(9)], mine={0}))


def test_a_lag_that_does_not_grow_is_no_verdict() -> None:
    assert not any(verdicts([{0: (5, 10)} for _ in range(9)], mine={0}))


def test_what_another_worker_has_is_none_of_its_business() -> None:
    assert not any(verdicts([{0: (5, 10 + n)} for n in range(9)], mine={1}))


def test_while_the_broker_is_away_nobody_is_judged_and_patience_begins_anew() -> None:
    stood: list[Answer] = [{0: (5, 10 + n)} for n in range(3)]
    assert not any(verdicts([*stood, "away", *stood], mine={0}))
