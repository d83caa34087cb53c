"""What is done with one device during one batch: rows first, then the timers that have come due."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from models.contract import F64, I64, Bools
from stream.alarms.panel import Notice, Panel
from stream.alarms.phrase import moment, quantity, span
from stream.alarms.rules import RULES
from stream.devices.chunk import Chunk
from stream.devices.device import LIVE_NS, Device
from stream.devices.grid import Grid, Rows
from stream.devices.health import feel, rested, watch_stuck
from stream.devices.limits import Standing, check, fire, violations
from stream.devices.pace import channels_silent_after_ns, learn, silent_after_ns
from stream.devices.plan import Plan
from stream.devices.sent import Sent, in_pieces
from wire.messages import Frame

# So many rows in a row that are all too old: the device's clock was set back, not a few rows delayed.
SET_BACK_ROWS = 100

replace = msgspec.structs.replace


class Stretch(msgspec.Struct, frozen=True):
    """Closed grid rows of a device, and whether the machine ran."""

    rows: Rows
    running: Bools


class Attendant:
    """Attends one device, whose parts it replaces, while one batch is worked on."""

    def __init__(self, device: Device, plan: Plan, panel: Panel, clock_ns: int) -> None:
        self.device = device
        self.plan = plan
        self.panel = panel
        self.clock_ns = clock_ns
        self.stretches: list[Stretch] = []
        self.late_stretches: list[Stretch] = []
        self.late_findings: list[str] = []
        self.late_over = False
        self.due_ns = 0
        self._sent: Sent | None = None  # on the device's grid
        self.speaks = False  # its regular word is due
        if device.limits.rules != tuple(bound.rule for bound in plan.bounds):
            self._refit()
        if device.lost:
            panel.raise_(Notice("state-lost", "state-lost", clock_ns, {"reason": device.lost}), clock_ns)
            self.event("state-lost")
            device.lost = ""

    @property
    def silent(self) -> bool:
        """Whether the device is silent at this point."""
        return self.panel.stands("silent")

    def arrange(self, frames: Sequence[Frame], wanted: tuple[str, ...]) -> None:
        """Take rows as they are sent where a model was fitted on such rows (`wanted`), and they come whole."""
        if not wanted or self.plan.every_ns:
            return
        life = self.device.life
        if not life.pieces:
            pieces = in_pieces(frames, wanted)
            if pieces not in {None, life.pieces}:
                self.device.life = replace(life, pieces=pieces)
        if self.device.life.pieces is False:
            self._sent = Sent.of(frames, wanted, self.device.channels)

    def take(self, chunk: Chunk, *, own: bool) -> None:
        """Work on new rows."""
        device, plan, panel = self.device, self.plan, self.panel
        t_ns = chunk.t_ns
        self._set_clock(int(t_ns[-1]), own=own)
        felt = feel(device.sense, t_ns, chunk.values, plan, panel, clock_ns=self.clock_ns)
        device.sense = felt.sense
        if plan.bounds:
            device.limits = check(device.limits, t_ns, felt.fresh, plan, panel, clock_ns=self.clock_ns)
        if device.pace.learns:
            device.pace = learn(device.pace, t_ns, felt.fresh)
        self._lay(t_ns, felt.values, whole=felt.whole)
        if not device.life.running:
            device.sense = rested(device.sense)
        watch_stuck(device.sense, plan, panel, running=device.life.running)
        newest = max(device.life.newest_ns, int(t_ns[-1]))
        device.life = replace(device.life, heard_ns=self.clock_ns, newest_ns=newest)
        self._heard(int(t_ns[-1]))

    def take_late(self, chunk: Chunk) -> None:
        """Work on rows of an outage long past: nothing is learnt, and no state of the present changes."""
        device, plan = self.device, self.plan
        values = np.where((chunk.values < plan.low) | (chunk.values > plan.high), np.nan, chunk.values)
        for bound, at_ns, value in violations(chunk.t_ns, values, plan):
            shown, limit = quantity(value, bound.uom), quantity(bound.limit, bound.uom)
            self.late_findings.append(f"{bound.channel} {shown} beyond {bound.row[6:]} {limit} at {moment(at_ns)}")
        rows = self._sent.rows(chunk.t_ns, values) if self._sent else self._late_laid(chunk.t_ns, values)
        if rows and rows.t_ns.size:
            running = self._running(rows, device.life.late_running)
            device.life = replace(device.life, late_running=bool(running[-1]))
            self.late_stretches.append(Stretch(rows, running))
        self.event("late")

    def _late_laid(self, t_ns: I64, values: F64) -> Rows | None:
        device = self.device
        every = device.grid.every_ns if device.grid else self.plan.every_ns or device.pace.every_ns
        if not every:
            return None
        grid = device.late
        if grid is None or grid.every_ns != every:
            grid = Grid.cold(every, int(t_ns[0]), len(device.channels))
        device.late, rows, _ = grid.lay(t_ns, values, self.clock_ns, whole=False)
        return rows

    def event(self, rule: str) -> None:
        """Something of a rule of events happened: its alarm returns when it has been quiet."""
        life = self.device.life
        kind = rule.partition(":")[0]
        self.device.life = replace(life, quiet={**life.quiet, rule: self.clock_ns + RULES[kind].quiet_ns})

    def look_at_the_clock(self) -> None:
        """Let happen what is due, and note when something is due next."""
        self.due_ns = self.device.due_ns(self.plan)
        if self.due_ns <= self.clock_ns:
            self._fire()
            self.due_ns = self.device.due_ns(self.plan)

    def _fire(self) -> None:
        """In the order of their instants."""
        due = sorted(self._due(), key=lambda item: item[0])
        for at_ns, act in due:
            if at_ns <= self.clock_ns:
                act(at_ns)

    def _set_clock(self, newest_ns: int, *, own: bool) -> None:
        life = self.device.life
        if own:
            self.clock_ns = max(newest_ns, life.heard_ns if life.own else newest_ns)
        if life.own == own and life.heard_ns >= 0:
            return
        # Another clock rules from here on: what waits on the old one begins to wait anew.
        quiet = {rule: self.clock_ns + RULES[rule.partition(":")[0]].quiet_ns for rule in life.quiet}
        self.device.life = replace(life, own=own, live_due_ns=self.clock_ns, quiet=quiet)
        self.device.sense = replace(
            self.device.sense,
            heard_ns=np.where(self.device.sense.heard_ns >= 0, self.clock_ns, -1),
        )

    def _lay(self, t_ns: I64, values: F64, *, whole: bool) -> None:
        device = self.device
        if self._sent is not None:
            device.grid = None
            rows = self._sent.rows(t_ns, values)
            old = int(np.searchsorted(rows.t_ns, device.life.sent_ns, side="right"))
            if old < rows.t_ns.size:
                device.life = replace(device.life, sent_ns=int(rows.t_ns[-1]))
            self._keep(Rows(rows.t_ns[old:], rows.values[old:]))
            if rows.t_ns.size:
                self._note_older(old if old == rows.t_ns.size else 0)
            return
        every = self.plan.every_ns or device.pace.every_ns
        if not every:
            return
        grid = device.grid
        if grid is None or grid.every_ns != every:
            grid = Grid.cold(every, int(t_ns[0]), len(device.channels))
        device.grid, rows, old = grid.lay(t_ns, values, self.clock_ns, whole=whole)
        self._keep(rows)
        self._note_older(old if old == t_ns.size else 0)

    def _note_older(self, rows: int) -> None:
        """So many rows came, and all of them were too old to be scored."""
        older = self.device.life.older + rows if rows else 0
        if older != self.device.life.older:
            self.device.life = replace(self.device.life, older=older)
        if older >= SET_BACK_ROWS:
            self._set_back()

    def _set_back(self) -> None:
        device = self.device
        device.grid = None
        never = np.full(len(device.channels), -1)
        device.sense = replace(device.sense, newest_ns=never, since_ns=never, run=np.zeros_like(never), bad_ns=never)
        device.life = replace(device.life, older=0, newest_ns=-1, sent_ns=-1)
        device.limits = Standing.cold(self.plan)  # its times lie ahead of the device's clock now

    def _keep(self, rows: Rows) -> None:
        if rows.t_ns.size:
            running = self._running(rows, self.device.life.running)
            if bool(running[-1]) is not self.device.life.running:
                self.device.life = replace(self.device.life, running=bool(running[-1]))
            self.stretches.append(Stretch(rows, running))

    def _running(self, rows: Rows, before: bool) -> Bools:  # noqa: FBT001 - the state before the first row
        condition = self.plan.running
        count = rows.t_ns.size
        if condition is None or not count:
            return np.ones(count, dtype=np.bool_)
        column = {name: index for index, name in enumerate(self.device.channels)}
        missing = np.full(count, np.nan)
        columns = {n: rows.values[:, column[n]] if n in column else missing for n in condition.channels}
        return condition.judge(columns, before)

    def _heard(self, at_ns: int) -> None:
        if not self.panel.any_stands("silent"):
            return
        self.panel.clear("silent", at_ns)
        for index, rule in enumerate(self.plan.silent_rules):
            if self.device.sense.heard_ns[index] == self.clock_ns:
                self.panel.clear(rule, at_ns)

    def _due(self) -> list[tuple[int, Callable[[int], None]]]:
        device, life = self.device, self.device.life
        due: list[tuple[int, Callable[[int], None]]] = []
        if life.heard_ns >= 0:
            due.append((life.live_due_ns, self._speak))
        due += [(at, self._quiet(rule)) for rule, at in life.quiet.items()]
        if device.grid is not None and device.grid.open >= 0:
            due.append((device.grid.due_ns, self._close))
        due += [(int(device.limits.due_ns[i]), self._delayed(i)) for i in range(device.limits.due_ns.size)]
        if life.heard_ns >= 0 and not self.silent:
            after = channels_silent_after_ns(device.pace, self.plan)
            heard = device.sense.heard_ns
            late = np.flatnonzero((heard >= 0) & (heard + after <= self.clock_ns))
            due += [(int(heard[i] + after[i]), self._silent_channel(int(i), int(after[i]))) for i in late]
            if not life.own:
                allowed = silent_after_ns(device.pace, self.plan)
                # At one instant the device is silent before its channels are: one alarm says it all.
                due.insert(0, (life.heard_ns + allowed, self._silent(allowed)))
        return due

    def _speak(self, at_ns: int) -> None:
        del at_ns
        self.speaks = True
        self.device.life = replace(self.device.life, live_due_ns=self.clock_ns + LIVE_NS)

    def _quiet(self, rule: str) -> Callable[[int], None]:
        def over(at_ns: int) -> None:
            life = self.device.life
            self.device.life = replace(life, quiet={r: at for r, at in life.quiet.items() if r != rule})
            if rule == "late":
                self.late_over = True
            else:
                self.panel.clear(rule, at_ns)

        return over

    def _close(self, at_ns: int) -> None:
        del at_ns
        assert self.device.grid is not None
        self.device.grid, rows = self.device.grid.close()
        self._keep(rows)

    def _delayed(self, index: int) -> Callable[[int], None]:
        def ring(at_ns: int) -> None:
            del at_ns
            self.device.limits = fire(self.device.limits, self.plan, self.panel, index)

        return ring

    def _silent(self, allowed_ns: int) -> Callable[[int], None]:
        def ring(at_ns: int) -> None:
            facts = {"after": span(allowed_ns)}
            self.panel.raise_(Notice("silent", "silent", self.device.life.newest_ns, facts), at_ns)

        return ring

    def _silent_channel(self, index: int, allowed_ns: int) -> Callable[[int], None]:
        def ring(at_ns: int) -> None:
            if self.silent:
                return
            onset = int(self.device.sense.newest_ns[index])
            name = self.plan.channels[index]
            notice = Notice(f"silent:{name}", "silent-channel", onset, {"after": span(allowed_ns)}, channel=name)
            self.panel.raise_(notice, at_ns)

        return ring

    def _refit(self) -> None:
        """The bounds differ from those of before: the configuration or the channels changed."""
        self.device.limits = self.device.limits.fitted(self.plan)
        known = {bound.rule for bound in self.plan.bounds}
        for rule in [r for r in self.device.alarms if r.startswith("limit:") and r not in known]:
            self.panel.clear(rule, self.device.life.newest_ns)
