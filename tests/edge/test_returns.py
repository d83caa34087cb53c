import threading

import msgspec

from edge.returns import LATE_S, MOST_ASKED, MOST_TOLD, MOST_WAITS, Questions, WaysBack
from wire.messages import Advice, Origin
from wire.ports import Returns, Waiting


def advice(run: str = "r1", step: str = "S01", *, source: str = "line-1", stop: bool = False) -> Advice:
    return Advice(Origin("e", "0" * 32, 1), "e", run, step, 0.5, stop=stop, t_ns=1, source=source)


class Line:
    """A source that keeps what it has to say."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said: list[Advice] = []

    def answer(self, advice: Advice) -> None:
        self.said.append(advice)


class Clock:
    """A monotonic clock that a test moves."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_advice_goes_to_the_source_that_brought_the_step_and_to_no_other() -> None:
    one, other = Line("line-1"), Line("line-2")
    ways: Returns = WaysBack([one, other])
    ways.give([advice(), advice(source="line-3")])
    assert (one.said, other.said) == ([advice()], [])


def test_all_that_wait_for_a_step_get_its_advice_and_no_other() -> None:
    ways = WaysBack()
    waiting: Waiting = ways
    with waiting.expect("r1", "S01") as first, waiting.expect("r1", "S01") as second:
        ways.give([advice(step="S02"), advice(run="r2"), advice(stop=True)])
        assert first.wait(0) == second.wait(0) == advice(stop=True)


def test_what_a_candidate_thinks_goes_no_way_back() -> None:
    line, said = Line("line-1"), msgspec.structs.replace(advice(stop=True), role="candidate")
    ways = WaysBack([line])
    with ways.expect("r1", "S01") as awaited:
        ways.give([said])
        assert awaited.wait(0.0) is None
        ways.give([advice(), said])
        assert awaited.wait(0.0) == advice()
    assert line.said == [advice()]


def test_advice_from_another_thread_ends_the_wait() -> None:
    ways = WaysBack()
    with ways.expect("r1", "S01") as awaited:
        giving = threading.Thread(target=ways.give, args=([advice()],))
        giving.start()
        assert awaited.wait(10.0) == advice()
        giving.join()


def test_who_waits_in_vain_gets_none_and_leaves_nothing_behind() -> None:
    ways = WaysBack()
    with ways.expect("r1", "S01") as awaited:
        assert awaited.wait(0.0) is None
    ways.give([advice()])
    with ways.expect("r1", "S01") as awaited:
        assert awaited.wait(0.0) is None


def test_more_than_the_most_waits_get_no_answer_until_one_leaves() -> None:
    ways = WaysBack()
    held = [ways.expect(f"r{i}", "S01") for i in range(MOST_WAITS)]
    for one in held:
        one.__enter__()
    with ways.expect("r0", "S01") as late:
        ways.give([advice("r0")])
        assert late.wait(0.0) is None
    held[5].__exit__(None, None, None)
    with ways.expect("r0", "S01") as now:
        ways.give([advice("r0")])
        assert now.wait(0.0) == advice("r0")


def test_a_source_is_told_what_it_asked_for_and_where_it_goes() -> None:
    questions = Questions()
    questions.ask("r1", "S01", "plant/b1/advice")
    assert questions.tell(advice())
    assert not questions.tell(advice())  # told once
    assert not questions.tell(advice("r2"))  # not asked
    assert questions.take() == [("plant/b1/advice", advice())]
    assert questions.take() == []


def test_late_advice_is_dropped_when_it_comes_and_when_it_is_sent() -> None:
    clock = Clock()
    questions = Questions(monotonic_s=clock)
    questions.ask("r1", "S01")
    clock.now_s += LATE_S
    assert not questions.tell(advice())
    questions.ask("r1", "S02")
    assert questions.tell(advice(step="S02"))
    clock.now_s += LATE_S
    assert questions.take() == []


def test_a_step_that_is_repeated_is_asked_about_again() -> None:
    clock = Clock()
    questions = Questions(monotonic_s=clock)
    questions.ask("r1", "S01", "a")
    clock.now_s += 0.9 * LATE_S
    questions.ask("r1", "S01", "b")
    clock.now_s += 0.9 * LATE_S
    assert questions.tell(advice())
    assert questions.take() == [("b", advice())]


def test_questions_and_answers_are_bounded() -> None:
    questions = Questions()
    for i in range(MOST_ASKED + 10):
        questions.ask(f"r{i}", "S01")
    told = [questions.tell(advice(f"r{i}")) for i in range(MOST_ASKED + 10)]
    assert sum(told) <= MOST_ASKED
    assert told[-1]
    assert [said.run for _, said in questions.take()][-1] == f"r{MOST_ASKED + 9}"
    for i in range(2 * MOST_TOLD):
        questions.ask(f"r{i}", "S02")
        questions.tell(advice(f"r{i}", "S02"))
    assert len(questions.take()) == MOST_TOLD
