"""All that the core remembers of one edge: its clock, whether it is heard, its own alarms, answers already given."""

import copy

import msgspec

from stream.alarms.panel import Notice, Panel
from stream.alarms.phrase import span
from stream.alarms.rules import RULES
from wire.messages import NS_PER_S, Alarm, SourceState, SourceStatus

SILENT_NS = 10 * NS_PER_S
ANSWERS = 256  # ids of actions remembered, against an answer that comes twice
SWITCHES = 1000  # procedures whose advice people turned on or off; of more, the newest is refused


class Edge(msgspec.Struct):
    """`fork` before changing one."""

    clock_ns: int = 0
    tick_clock_ns: int = -1  # its clock when a tick last found it moved
    tick_at_ns: int = 0  # and that tick's wall time
    answers: tuple[str, ...] = ()
    quiet: dict[str, int] = {}
    advice: dict[str, bool] = {}  # procedures whose advice a person turned on, or off
    alarms: dict[str, Alarm] = {}
    lost: str = ""

    def fork(self) -> "Edge":
        """A copy that may be changed."""
        forked = copy.copy(self)
        forked.quiet, forked.alarms = dict(self.quiet), dict(self.alarms)
        return forked

    def silent(self) -> bool:
        """Whether it is known to be silent."""
        alarm = self.alarms.get("edge-silent")
        return alarm is not None and alarm.active

    def event(self, rule: str) -> None:
        """Something of a rule of events happened: its alarm returns when it has been quiet."""
        self.quiet[rule] = self.clock_ns + RULES[rule.partition(":")[0]].quiet_ns

    def hear(self, clock_ns: int, panel: Panel) -> None:
        """A batch came."""
        self.clock_ns = max(self.clock_ns, clock_ns)
        panel.clear("edge-silent", self.clock_ns)

    def fire(self, panel: Panel) -> None:
        """Let alarms of events return that have been quiet long enough."""
        for rule, at_ns in sorted(self.quiet.items(), key=lambda item: (item[1], item[0])):
            if at_ns <= self.clock_ns:
                del self.quiet[rule]
                panel.clear(rule, at_ns)

    def tick(self, at_ns: int, panel: Panel) -> None:
        """Wall time passed: an edge whose clock stands still is silent, even if that clock is wrong."""
        if self.clock_ns != self.tick_clock_ns:
            self.tick_clock_ns, self.tick_at_ns = self.clock_ns, at_ns
            return
        unheard = max(at_ns - self.clock_ns, at_ns - self.tick_at_ns)
        if unheard >= SILENT_NS:
            panel.raise_(Notice("edge-silent", "edge-silent", self.clock_ns, {"after": span(unheard)}), at_ns)

    def source(self, state: SourceState, panel: Panel) -> None:
        """A source changed its state."""
        rule, at_ns = f"source:{state.source}", state.t_ns or self.clock_ns
        if state.state is SourceStatus.FAILED:
            facts = {"source": state.source, "detail": state.detail or "no reason given"}
            panel.raise_(Notice(rule, "source", at_ns, facts), at_ns)
        elif state.state in {SourceStatus.CONNECTED, SourceStatus.ENDED, SourceStatus.STOPPED}:
            panel.clear(rule, at_ns)

    def answered(self, action: str) -> bool:
        """Note an action's id; whether it was there before."""
        if action in self.answers:
            return True
        self.answers = (*self.answers, action)[-ANSWERS:]
        return False

    def switch(self, procedure: str, *, on: bool) -> bool:
        """A person turns the advice of a procedure on or off; False if there are too many that were."""
        if procedure not in self.advice and len(self.advice) >= SWITCHES:
            return False
        self.advice = {**self.advice, procedure: on}
        return True
