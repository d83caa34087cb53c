"""All that the core remembers of one device, in parts; each part is replaced whole, never changed in place."""

import copy

import msgspec
import numpy as np

from models.contract import F64
from models.decide import Deciding
from stream.devices.grid import Grid
from stream.devices.health import Sense
from stream.devices.limits import NOTHING, Standing
from stream.devices.pace import Pace, channels_silent_after_ns, silent_after_ns
from stream.devices.plan import NEVER, Plan
from wire.messages import Alarm, Health

LIVE_NS = 10_000_000_000  # a word on every device at least this often


class Life(msgspec.Struct, frozen=True):
    """Whether a device lives. Its clock is the edge's, or its newest row where its rows have times of their own."""

    heard_ns: int = -1  # device clock when its newest rows came
    newest_ns: int = -1  # sensor time of its newest row
    own: bool = False
    running: bool = True
    late_running: bool = True
    older: int = 0  # rows in a row that were too old to score
    live_due_ns: int = 0
    quiet: dict[str, int] = {}  # rules of events -> device clock at which they have been quiet long enough
    said: Health | None = None
    owner: bool = False  # the edge it came from is the one it belongs to
    pieces: bool | None = None  # False: rows are taken as they are sent; True: a row once came in pieces
    sent_ns: int = -1  # sensor time of the newest row that was taken so


class Refused(msgspec.Struct, frozen=True):
    """A model that may not watch this device any more, and why."""

    model: str
    version: int
    why: str


class Watch(msgspec.Struct, frozen=True):
    """The detector of a device: empty `state` = it has not begun, because its channels may still grow."""

    model: str = ""
    version: int = 0
    settled: int = 0  # closed rows since the newest channel appeared
    state: F64 = np.zeros(0)
    warm: float = 0.0
    deciding: Deciding = Deciding()
    late: Deciding = Deciding()
    refused: Refused | None = None  # the newest
    refused_before: Refused | None = None

    def begun(self, model: str, version: int) -> "Watch":
        """For another detector: it knows nothing yet, but what may not watch here still may not."""
        known = (self.refused, self.refused_before)
        return Watch(model, version, settled=self.settled, refused=known[0], refused_before=known[1])

    def without(self, model: str, version: int, why: str) -> "Watch":
        """From here on that model may not watch."""
        refused = Refused(model, version, why)
        return msgspec.structs.replace(self, refused=refused, refused_before=self.refused)


class Device(msgspec.Struct):
    """The parts; `fork` before changing one."""

    channels: tuple[str, ...]
    life: Life
    pace: Pace
    sense: Sense
    limits: Standing
    grid: Grid | None
    late: Grid | None
    watch: Watch
    alarms: dict[str, Alarm]
    shadow: Watch | None = None  # of the candidate, while there is one
    lost: str = ""  # why its stored state could not be read; said once

    @staticmethod
    def cold() -> "Device":
        """A device that has shown nothing yet."""
        return Device((), Life(), Pace.cold(0), Sense.cold(0), NOTHING, None, None, Watch(), {})

    def fork(self) -> "Device":
        """A copy whose parts and alarms may be replaced."""
        forked = copy.copy(self)
        forked.alarms = dict(self.alarms)
        return forked

    def clock_ns(self, edge_clock_ns: int) -> int:
        """The device's clock: its edge's, or its own newest row."""
        return self.life.heard_ns if self.life.own else edge_clock_ns

    def grow(self, channels: tuple[str, ...], *, anew: bool = True) -> None:
        """Make room for new channels; only the detector starts anew, and not even that if it goes by names."""
        count = len(channels)
        self.channels = channels
        self.pace = self.pace.grown(count)
        self.sense = self.sense.grown(count)
        self.grid = self.grid and self.grid.grown(count)
        self.late = self.late and self.late.grown(count)
        watch = self.watch.begun(self.watch.model, self.watch.version) if anew else self.watch
        self.watch = msgspec.structs.replace(watch, settled=0)
        if self.shadow is not None:
            self.shadow = msgspec.structs.replace(self.shadow, settled=0)

    def excuse(self, ns: int) -> None:
        """So long no one listened: that counts against no deadline for silence."""
        if self.life.heard_ns >= 0:
            heard = self.sense.heard_ns
            self.life = msgspec.structs.replace(self.life, heard_ns=self.life.heard_ns + ns)
            self.sense = msgspec.structs.replace(self.sense, heard_ns=np.where(heard >= 0, heard + ns, heard))

    def due_ns(self, plan: Plan) -> int:
        """The device clock at which something happens though nothing comes."""
        if self.lost:
            return 0
        life = self.life
        due = min(life.live_due_ns if life.heard_ns >= 0 else NEVER, *life.quiet.values(), NEVER)
        if self.grid is not None and self.grid.open >= 0:
            due = min(due, self.grid.due_ns)
        if self.limits.due_ns.size:
            due = min(due, int(self.limits.due_ns.min()))
        if not self.stands("silent") and life.heard_ns >= 0:
            due = min(due, life.heard_ns + silent_after_ns(self.pace, plan))
            due = min(due, self._channels_due_ns(plan))
        return due

    def stands(self, rule: str) -> bool:
        """Whether the condition of a rule stands."""
        alarm = self.alarms.get(rule)
        return alarm is not None and alarm.active

    def _channels_due_ns(self, plan: Plan) -> int:
        heard = self.sense.heard_ns
        due = np.where(heard >= 0, heard + channels_silent_after_ns(self.pace, plan), NEVER)
        for index, rule in enumerate(plan.silent_rules if self.alarms else ()):
            if self.stands(rule):
                due[index] = NEVER
        return int(due.min(initial=NEVER))
