import pytest

from dashboards.console.kept import Kept


class Clock:
    def __init__(self) -> None:
        self.now_s, self.takes_s, self.asked = 0.0, 0.0, 0

    def ask(self) -> int:
        self.asked += 1
        self.now_s += self.takes_s
        return self.asked

    def clock_s(self) -> float:
        return self.now_s


def test_an_answer_is_kept_for_a_while_and_then_asked_for_anew() -> None:
    clock = Clock()
    kept = Kept(clock.ask, every_s=2.0, clock_s=clock.clock_s)
    found = []
    for now_s in (0.0, 1.9, 2.0, 3.0):
        clock.now_s = now_s
        found.append(kept.get())
    assert found == [1, 1, 2, 2]
    kept.forget()
    assert kept.get() == 3


def test_a_question_that_takes_long_is_asked_seldom() -> None:
    clock = Clock()
    clock.takes_s = 1.0
    kept = Kept(clock.ask, every_s=2.0, clock_s=clock.clock_s)
    assert kept.get() == 1
    clock.now_s = 20.9
    assert kept.get() == 1
    clock.now_s = 21.0
    assert kept.get() == 2


def test_what_a_question_raises_is_raised_and_it_is_asked_again() -> None:
    asked: list[int] = []

    def ask() -> int:
        asked.append(7)
        if len(asked) == 1:
            msg = "away"
            raise ValueError(msg)
        return asked[-1]

    kept = Kept(ask, every_s=2.0)
    with pytest.raises(ValueError, match="away"):
        kept.get()
    assert kept.get() == 7
