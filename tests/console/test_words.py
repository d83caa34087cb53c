from hypothesis import given
from hypothesis import strategies as st

from dashboards.console import words
from dashboards.console.moments import iso, parse_ns
from dashboards.console.snapshot import Seen, Snapshot, changes, gone
from stream.alarms.rules import RULES
from tests.console.fakes import T0, Plant
from wire.messages import AlarmState, Health, Priority

SAME = {"limit:HH", "limit:H", "limit:L", "limit:LL", "silent-channel"}  # rows whose alarms carry the channel's name


def test_every_rule_that_rings_has_words() -> None:
    for name in set(RULES) - SAME:
        assert words.rule(name) != name.replace("-", " ").capitalize() or name == "edge-silent", name
    assert words.rule("limit:a:b:LL") == "a:b: far too low"
    assert words.rule("silent:flow") == "flow: no data"


def test_every_state_priority_and_health_has_a_word() -> None:
    assert set(words.STATES) == set(words.STATE_RANK) == set(AlarmState)
    assert set(words.PRIORITY_RANK) == set(Priority)
    assert set(words.HEALTH) == {*Health, None}


@given(st.integers(-(10**18), 2**62))
def test_a_time_survives_being_written_to_the_microsecond(t_ns: int) -> None:
    assert parse_ns(iso(t_ns)) == t_ns // 1000 * 1000
    assert parse_ns(str(t_ns)) == t_ns


@given(st.text())
def test_whatever_is_no_time_is_a_value_error(text: str) -> None:
    try:
        parse_ns(text)
    except ValueError:
        return


States = st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(AlarmState)), max_size=30)


@given(States, st.randoms(use_true_random=False))
def test_however_looks_fall_every_last_state_is_told_once(steps: list[tuple[str, AlarmState]], chance: object) -> None:
    plant, seen, told = Plant(), Seen(), list[tuple[str, int]]()
    for device, state in steps:
        plant.now_ns += 1
        plant.ring(device, state=state)
        if getattr(chance, "random")() < 0.5:  # noqa: B009 -- hypothesis types its randomness as object here
            seen, news = changes(seen, Snapshot(recent=plant.alarms(), alarms=plant.alarms(active=True)))
            told += [(c.body.device, c.body.version) for c in news if c.kind == "alarm"]  # type: ignore[union-attr]
    seen, news = changes(seen, Snapshot(recent=plant.alarms()))
    told += [(c.body.device, c.body.version) for c in news if c.kind == "alarm"]  # type: ignore[union-attr]
    assert len(told) == len(set(told))
    assert {(a.device, a.version) for a in plant.alarms()} <= set(told)


def test_an_alarm_that_no_longer_stands_is_asked_for() -> None:
    plant = Plant(T0)
    alarm = plant.ring("pump-1")
    seen, _ = changes(Seen(), Snapshot(alarms=[alarm]))
    assert gone(seen, []) == [alarm.id]
    assert gone(seen, [alarm]) == []
