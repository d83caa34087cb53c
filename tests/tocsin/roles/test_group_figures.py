from collections.abc import Mapping, Sequence

from bus.lag import Place, Reader
from tocsin.roles.group_figures import GroupFigures


class Brokers:
    def __init__(self) -> None:
        self.stands: dict[str, dict[tuple[str, int], Place]] = {}
        self.members: dict[str, list[Reader]] = {}

    def places(self, group: str, topics: Sequence[str]) -> Mapping[tuple[str, int], Place]:
        return {part: place for part, place in self.stands.get(group, {}).items() if part[0] in topics}

    def readers(self, group: str) -> Sequence[Reader]:
        return self.members.get(group, [])


def parts(*numbers: int) -> frozenset[tuple[str, int]]:
    return frozenset(("tocsin.inputs", number) for number in numbers)


def stand(*places: tuple[int, int]) -> dict[tuple[str, int], Place]:
    return {("tocsin.inputs", number): Place(*place) for number, place in enumerate(places)}


def test_each_worker_and_the_whole_group_have_figures() -> None:
    brokers, seconds = Brokers(), iter([10.0, 20.0])
    ask = GroupFigures(brokers, ["stream"], now_s=lambda: next(seconds))
    brokers.stands["tocsin-stream"] = stand((100, 100), (50, 60), (0, 7))
    brokers.members["tocsin-stream"] = [Reader("one", parts(0, 1)), Reader("two", parts(2))]
    assert ask() == {
        ("stream", "all"): {"lag": 17.0, "running": 2.0},
        ("stream", "one"): {"lag": 10.0, "running": 1.0},
        ("stream", "two"): {"lag": 7.0, "running": 1.0},
    }
    brokers.stands["tocsin-stream"] = stand((130, 130), (60, 60), (0, 9))
    brokers.members["tocsin-stream"] = [Reader("one", parts(0, 1))]
    assert ask() == {
        ("stream", "all"): {"lag": 9.0, "running": 1.0, "rate": 4.0},
        ("stream", "one"): {"lag": 0.0, "running": 1.0, "rate": 4.0},
    }


def test_workers_of_one_host_without_names_share_a_series() -> None:
    brokers = Brokers()
    brokers.stands["tocsin-stream"] = stand((1, 2), (1, 3))
    brokers.members["tocsin-stream"] = [Reader("10.0.0.1", parts(0)), Reader("10.0.0.1", parts(1))]
    told = GroupFigures(brokers, ["stream"], now_s=lambda: 0.0)()
    assert told["stream", "all"]["running"] == 2.0
    assert told["stream", "10.0.0.1"] == {"lag": 3.0, "running": 1.0}


def test_a_group_whose_workers_all_ended_is_told_of_and_one_that_never_was_is_not() -> None:
    brokers = Brokers()
    brokers.stands["tocsin-stream"] = stand((5, 9))
    brokers.stands["tocsin-archive"] = stand((0, 9))
    told = GroupFigures(brokers, ["stream", "archive"], now_s=lambda: 0.0)()
    assert told == {("stream", "all"): {"lag": 4.0, "running": 0.0}}


def test_an_archive_has_no_lag_for_it_commits_whole_files_only() -> None:
    brokers = Brokers()
    brokers.stands["tocsin-archive"] = stand((0, 9))
    brokers.members["tocsin-archive"] = [Reader("keeper", parts(0))]
    told = GroupFigures(brokers, ["archive"], now_s=lambda: 0.0)()
    assert told == {("archive", "all"): {"running": 1.0}, ("archive", "keeper"): {"running": 1.0}}
