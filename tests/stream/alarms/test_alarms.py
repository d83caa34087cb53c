import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stream.alarms.panel import NEXT, Happening, Notice, Panel, Place, alarm_id
from stream.alarms.rules import RULES
from wire.messages import Alarm, AlarmState, Origin, Outcome

PLACE = Place("hall", "pump-1", Origin("hall", "a" * 32, 1))
NOTICE = Notice("anomaly", "anomaly", 5, {"score": "2", "channels": "flow"})


def _panel() -> tuple[Panel, dict[str, Alarm], list[Outcome]]:
    alarms: dict[str, Alarm] = {}
    out: list[Outcome] = []
    return Panel(PLACE, alarms, out), alarms, out


class AnAlarmThroughItsLife(RuleBasedStateMachine):
    """Raises, clears and acknowledges in any order, beside the simplest model: stands, and known."""

    def __init__(self) -> None:
        super().__init__()
        self.panel, self.alarms, self.out = _panel()
        self.stands, self.owed = False, False
        self.now = 0

    def _newest(self) -> Alarm | None:
        found = self.out[-1] if self.out else None
        assert found is None or isinstance(found, Alarm)
        return found

    @rule()
    def raised(self) -> None:
        self.now += 1
        self.panel.raise_(msgspec.structs.replace(NOTICE, onset_ns=self.now), self.now)
        self.owed = self.owed or not self.stands
        self.stands = True

    @rule()
    def cleared(self) -> None:
        self.now += 1
        self.panel.clear("anomaly", self.now)
        self.stands = False

    @rule(who=st.text(min_size=1))
    def acknowledged(self, who: str) -> None:
        self.now += 1
        assert self.panel.acknowledge("anomaly", who, "seen", self.now) is self.owed
        self.owed = False

    @invariant()
    def the_state_says_whether_it_stands_and_whether_someone_owes_an_answer(self) -> None:
        newest = self._newest()
        state = newest.state if newest else AlarmState.NORMAL
        expected = {
            (False, False): AlarmState.NORMAL,
            (True, True): AlarmState.UNACKNOWLEDGED,
            (True, False): AlarmState.ACKNOWLEDGED,
            (False, True): AlarmState.RETURNED,
        }
        assert state is expected[self.stands, self.owed]
        assert self.panel.stands("anomaly") is self.stands

    @invariant()
    def what_is_normal_is_forgotten_and_nothing_else(self) -> None:
        newest = self._newest()
        assert self.panel.holds("anomaly") is (newest is not None and newest.state is not AlarmState.NORMAL)

    @precondition(lambda self: len(self.out) > 1)
    @invariant()
    def versions_count_changes_of_one_alarm_and_a_new_one_begins_at_normal(self) -> None:
        before, after = self.out[-2:]
        assert isinstance(before, Alarm)
        assert isinstance(after, Alarm)
        begins = before.state is AlarmState.NORMAL
        assert after.version == (1 if begins else before.version + 1)
        assert (after.id == before.id) is not begins
        assert after.state is not before.state


TestAnAlarmThroughItsLife = AnAlarmThroughItsLife.TestCase
TestAnAlarmThroughItsLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_no_transition_leads_from_a_state_to_itself_and_every_state_can_be_left() -> None:
    assert all(state is not after for (state, _), after in NEXT.items())
    assert {state for state, _ in NEXT} == set(AlarmState)
    assert {happening for _, happening in NEXT} == set(Happening)


def test_the_name_of_an_alarm_follows_from_place_rule_and_onset() -> None:
    names = {alarm_id(e, d, r, t) for e in "ab" for d in "cd" for r in "ef" for t in (1, 2)}
    assert len(names) == 16
    assert alarm_id("a", "c", "e", 1) == alarm_id("a", "c", "e", 1)


def test_who_and_why_stay_with_the_alarm() -> None:
    panel, _, out = _panel()
    panel.raise_(NOTICE, 6)
    panel.acknowledge("anomaly", "anna", "known pump", 7)
    panel.clear("anomaly", 8, value=3.0)
    newest = out[-1]
    assert isinstance(newest, Alarm)
    assert (newest.who, newest.why, newest.value, newest.state) == ("anna", "known pump", 3.0, AlarmState.NORMAL)


def test_every_rule_has_all_its_texts() -> None:
    for name, row in RULES.items():
        assert row.summary.startswith(("{device}", "source {source}", "edge {edge}")), name
        assert all(text.endswith(".") for text in (row.cause, row.consequence, row.response)), name
