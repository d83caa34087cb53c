"""A person acts on an alarm: durable before it is answered, and the same however often it is sent."""

import hashlib
import threading
from collections import OrderedDict

from dashboards.console.desk import Desk
from dashboards.console.problem import Problem
from dashboards.console.shapes import ActionOut
from wire.messages import Action, Alarm, AlarmState, Verb

REMEMBERED = 1000  # accepted actions whose repeats are known; the oldest is forgotten, and repeating it is harmless
_OPEN = {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED}


class Actions:
    """Puts what people do into the inputs, once."""

    def __init__(self, desk: Desk) -> None:
        """Nothing is accepted yet."""
        self._desk = desk
        self._lock = threading.Lock()
        self._accepted: OrderedDict[str, None] = OrderedDict()

    def act(self, alarm: Alarm, verb: Verb, who: str, why: str) -> ActionOut:
        """Accept an action; returns when it is durable. Raises Problem when there is nothing to act on."""
        if not who.strip():
            raise Problem(422, "An action needs a name.", remedy='Send {"who": "your name"}.')
        key = action_id(alarm, verb)
        if verb is Verb.ACKNOWLEDGE and alarm.state not in _OPEN:
            if alarm.state is AlarmState.ACKNOWLEDGED or alarm.who:
                return ActionOut(action=key, alarm=alarm.id, verb=verb, repeated=True)
            raise Problem(409, "This alarm is over; there is nothing to acknowledge.", remedy="Reload the alarms.")
        with self._lock:
            if key in self._accepted:
                return ActionOut(action=key, alarm=alarm.id, verb=verb, repeated=True)
            self._desk.inbox.append(
                Action(
                    id=key,
                    edge=alarm.edge,
                    device=alarm.device,
                    rule=alarm.rule,
                    verb=verb,
                    who=who.strip(),
                    why=why.strip(),
                    at_ns=self._desk.now_ns(),
                )
            )
            self._accepted[key] = None
            if len(self._accepted) > REMEMBERED:
                self._accepted.popitem(last=False)
        return ActionOut(action=key, alarm=alarm.id, verb=verb, repeated=False)


def action_id(alarm: Alarm, verb: Verb) -> str:
    """Derived, not drawn: one alarm is acknowledged once, so every repeat names the same action."""
    return hashlib.sha256(f"{verb}\0{alarm.edge}\0{alarm.id}".encode()).hexdigest()[:32]
