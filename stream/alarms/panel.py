"""Alarms after ISA-18.2: a table of transitions, and a panel that applies it and says what changed."""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec

from stream.alarms.rules import RULES
from wire.messages import Alarm, AlarmState, Origin, Outcome

WHOLE = "*"  # the device of an alarm that concerns the edge itself


class Happening(StrEnum):
    """What can happen to an alarm."""

    RAISE = "raise"
    CLEAR = "clear"
    ACKNOWLEDGE = "acknowledge"


NEXT: Mapping[tuple[AlarmState, Happening], AlarmState] = MappingProxyType(
    {
        (AlarmState.NORMAL, Happening.RAISE): AlarmState.UNACKNOWLEDGED,
        (AlarmState.UNACKNOWLEDGED, Happening.ACKNOWLEDGE): AlarmState.ACKNOWLEDGED,
        (AlarmState.UNACKNOWLEDGED, Happening.CLEAR): AlarmState.RETURNED,
        (AlarmState.ACKNOWLEDGED, Happening.CLEAR): AlarmState.NORMAL,
        (AlarmState.RETURNED, Happening.RAISE): AlarmState.UNACKNOWLEDGED,
        (AlarmState.RETURNED, Happening.ACKNOWLEDGE): AlarmState.NORMAL,
    }
)


class Texts(msgspec.Struct, frozen=True):
    """What the configuration says of an alarm; "" = what the rule's row says."""

    cause: str = ""
    consequence: str = ""
    response: str = ""


class Notice(msgspec.Struct, frozen=True):
    """A condition that came true. `row` names the line of the rule table, `facts` fill its summary."""

    rule: str
    row: str
    onset_ns: int
    facts: Mapping[str, str] = {}
    texts: Texts = Texts()
    channel: str = ""
    value: float | None = None
    limit: float | None = None
    contributions: Mapping[str, float] = {}
    model: str = ""
    model_version: int = 0


class Place(msgspec.Struct, frozen=True):
    """Where alarms ring: the device (WHOLE = the edge itself) and the input that is being worked on."""

    edge: str
    device: str
    origin: Origin


def alarm_id(edge: str, device: str, rule: str, onset_ns: int) -> str:
    """Derive an alarm's name, so that a replay finds the same one."""
    text = "\0".join((edge, device, rule, str(onset_ns)))
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


class Panel:
    """The alarms of one place: holds what is not normal, and puts each change into `out`.

    A condition that returns before it was acknowledged continues the same alarm: same id, same onset.
    """

    def __init__(self, place: Place, alarms: dict[str, Alarm], out: list[Outcome]) -> None:
        self._place = place
        self._alarms = alarms
        self._out = out

    def stands(self, rule: str) -> bool:
        """Whether the condition of a rule stands."""
        alarm = self._alarms.get(rule)
        return alarm is not None and alarm.active

    def holds(self, rule: str) -> bool:
        """Whether the alarm of a rule is anything but normal."""
        return rule in self._alarms

    def value(self, rule: str) -> float | None:
        """The value that an alarm rang with."""
        alarm = self._alarms.get(rule)
        return alarm.value if alarm else None

    def any_stands(self, start: str) -> bool:
        """Whether a condition stands whose rule starts so."""
        return bool(self._alarms) and any(a.active for r, a in self._alarms.items() if r.startswith(start))

    def raise_(self, notice: Notice, at_ns: int) -> None:
        """Ring, unless it rings already; what already rings is left as it is."""
        before = self._alarms.get(notice.rule)
        if _after(before, Happening.RAISE) is None:
            return
        row = RULES[notice.row]
        place = self._place
        onset = before.onset_ns if before else notice.onset_ns
        shown = f"edge {place.edge}" if place.device == WHOLE else place.device
        facts = {"device": shown, "edge": place.edge, "channel": notice.channel, **notice.facts}
        self._put(
            Alarm(
                id=before.id if before else alarm_id(place.edge, place.device, notice.rule, onset),
                origin=place.origin,
                edge=place.edge,
                device=place.device,
                rule=notice.rule,
                version=before.version + 1 if before else 1,
                state=AlarmState.UNACKNOWLEDGED,
                priority=row.priority,
                onset_ns=onset,
                changed_ns=at_ns,
                summary=row.summary.format_map(facts),
                cause=notice.texts.cause or row.cause,
                consequence=notice.texts.consequence or row.consequence,
                response=notice.texts.response or row.response,
                channel=notice.channel,
                value=notice.value,
                limit=notice.limit,
                contributions=dict(notice.contributions),
                model=notice.model,
                model_version=notice.model_version,
            )
        )

    def clear(self, rule: str, at_ns: int, value: float | None = None) -> None:
        """The condition is over; `value`: the worst it showed."""
        self._move(rule, Happening.CLEAR, at_ns, value=value)

    def acknowledge(self, rule: str, who: str, why: str, at_ns: int) -> bool:
        """Note that a person knows; False if there is nothing to acknowledge."""
        return self._move(rule, Happening.ACKNOWLEDGE, at_ns, who=who, why=why)

    def note(self, alarm: str, who: str, why: str, at_ns: int) -> bool:
        """Keep what a person found with the alarm of that id; False if it is normal by now."""
        for held in list(self._alarms.values()):
            if held.id == alarm:
                changed = msgspec.structs.replace(
                    held, origin=self._place.origin, version=held.version + 1, changed_ns=at_ns, who=who, why=why
                )
                self._put(changed)
                return True
        return False

    def _move(
        self, rule: str, happening: Happening, at_ns: int, *, value: float | None = None, who: str = "", why: str = ""
    ) -> bool:
        before = self._alarms.get(rule)
        state = _after(before, happening)
        if before is None or state is None:
            return False
        self._put(
            msgspec.structs.replace(
                before,
                origin=self._place.origin,
                version=before.version + 1,
                state=state,
                changed_ns=at_ns,
                value=before.value if value is None else value,
                who=who or before.who,
                why=why or before.why,
            )
        )
        return True

    def _put(self, alarm: Alarm) -> None:
        self._out.append(alarm)
        if alarm.state is AlarmState.NORMAL:
            self._alarms.pop(alarm.rule, None)
        else:
            self._alarms[alarm.rule] = alarm


def _after(alarm: Alarm | None, happening: Happening) -> AlarmState | None:
    return NEXT.get((alarm.state if alarm else AlarmState.NORMAL, happening))
