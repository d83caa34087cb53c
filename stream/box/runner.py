"""The box's shell around the core: reads the input log, steps, and stores each micro-batch whole."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from store.port import Commit, CommitRefusedError, StoreFullError, Writer
from stream.attempt import attempt, buried, opened
from stream.box.calendar import Calendar
from stream.core import Core
from stream.models.herald import Herald, Wanted, change
from stream.portion import first
from stream.state import CoreState
from wire.messages import NS_PER_S, Advice, Tick
from wire.ports import Entry, FullError, Inbox, InputLog, Returns

STOP_S = 0.1  # a stop is heard within

log = logging.getLogger(__name__)


class RunnerState(StrEnum):
    """What the runner is doing."""

    STARTING = "starting"
    READING = "reading"
    STORE_FULL = "store-full"
    STOPPED = "stopped"
    FAILED = "failed"


class RunnerHealth(msgspec.Struct, frozen=True):
    """How the runner is doing, for /readyz. `behind`: there was more to read than one micro-batch took.

    `caught_up`: the end of the log was reached since the start, so nothing that waited holds up what comes now.
    """

    state: RunnerState = RunnerState.STARTING
    pos: int = 0  # stored up to this position of the log
    clock_ns: int = 0  # the newest input clock that is stored
    behind: bool = False
    caught_up: bool = False
    unstepped: int = 0  # inputs that the core could not work on, kept as dead letters
    last_error: str = ""

    def lag_ns(self, now_ns: int) -> int:
        """How far what is stored lies behind now; includes the at most 2 s between two batches of an edge."""
        return max(0, now_ns - self.clock_ns) if self.clock_ns else 0


class Pauses(msgspec.Struct, frozen=True):
    """How the runner spends its waiting, in seconds, and how many inputs it takes at once."""

    wait_s: float = 0.5  # for the first input
    group_s: float = 0.1  # so that tiny inputs come together
    longest_s: float = 0.5  # the same where a commit writes much state: flash wears, and an alarm may wait this long
    state_bytes_per_s: float = 1_000_000  # written at most, as far as `longest_s` allows
    tick_s: float = 5.0
    retain_s: float = 300.0
    full_s: float = 2.0  # before the same commit is tried again
    limit: int = 64

    def after(self, state_bytes: int) -> float:
        """How long to wait for more inputs after a commit that wrote so many bytes of state.

        >>> [Pauses().after(size) for size in (20_000, 300_000, 5_000_000)]
        [0.1, 0.3, 0.5]
        """
        return max(self.group_s, min(self.longest_s, state_bytes / self.state_bytes_per_s))


class BoxRunner:
    """Runs the core over the box's log, in a thread of its own, from where the store says the last commit ended."""

    def __init__(
        self,
        input_log: InputLog,
        *,
        inbox: Inbox,
        store: Writer,
        core: Core,
        clock_ns: Callable[[], int],
        pauses: Pauses | None = None,
        wanted: Callable[[], Sequence[Wanted]] = tuple,
        returns: Returns | None = None,
        pressing: threading.Event | None = None,
    ) -> None:
        """`pressing` is set when something is in the log that a bench waits for: then there is no rest."""
        self._log = input_log
        self._inbox = inbox
        self._store = store
        self._core = core
        self._clock_ns = clock_ns
        self._pauses = pauses or Pauses()
        self._tick_due_ns = 0
        self._retain_due_ns = 0
        self._state_bytes = 0  # of the newest commit
        self._calendar = Calendar()
        self._wanted = wanted
        self._returns = returns
        self._pressing = pressing or threading.Event()
        self._herald = Herald()
        self._pinned: tuple[str, ...] = ()
        self._more = False  # there was more to read than is taken at once
        self.health = RunnerHealth()  # replaced whole, so any thread may read it

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set. Raises what the log or the store raise, after noting it in `health`."""
        try:
            resume = self._store.resume()
            (state, self._pinned), pos = self._core.pinned(self._core.load(resume.state)), resume.cursor
            self._calendar = Calendar(self._core.clock_ns(state))
            self._note(state=RunnerState.READING, pos=pos)
            while not stop.is_set():
                self._pressing.clear()
                entries = self._log.read(pos, limit=self._pauses.limit, wait_s=self._pauses.wait_s)
                taken = first(entry.body for entry in entries)
                self._more = taken < len(entries) or taken == self._pauses.limit
                if entries:
                    state = self._take(state, entries[:taken], stop)
                    pos = self.health.pos
                if not (self._more or self.health.caught_up):
                    self._note(caught_up=True)
                self._rest(state, at_end=not self._more, stop=stop)
            self._note(state=RunnerState.STOPPED)
        except Exception as error:
            log.exception("the runner stops at position %d", self.health.pos)
            self._note(state=RunnerState.FAILED, last_error=f"{type(error).__name__}: {error}")
            raise

    def _take(self, state: CoreState, entries: Sequence[Entry], stop: threading.Event) -> CoreState:
        """Step, store and confirm; what the store refuses is tried one by one, and alone becomes a dead letter."""
        try:
            return self._committed(state, entries, stop)
        except CommitRefusedError as error:
            log.exception("the store refused %d inputs up to position %d", len(entries), entries[-1].pos)
            if len(entries) == 1:
                return self._buried(state, entries[0], error, stop)
        for entry in entries:
            if not stop.is_set():
                state = self._take(state, [entry], stop)
        return state

    def _buried(self, state: CoreState, entry: Entry, error: CommitRefusedError, stop: threading.Event) -> CoreState:
        """Keep an input that the store refuses as a dead letter, and go on as if it had not come."""
        reason = f"the store refused it: {error}"
        self._note(unstepped=self.health.unstepped + 1, last_error=reason)
        outcomes = buried(opened(entry), entry, reason, now_ns=self._clock_ns())
        commit = Commit(cursor=entry.pos, batches=(), outcomes=outcomes.outcomes, state={})
        if self._stored(commit, stop):
            self._log.confirm(entry.pos)
            self._note(pos=entry.pos)
        return state

    def _committed(self, state: CoreState, entries: Sequence[Entry], stop: threading.Event) -> CoreState:
        after, outcomes, reasons = attempt(self._core, state, entries, now_ns=self._clock_ns())
        if reasons:
            self._note(unstepped=self.health.unstepped + len(reasons), last_error=reasons[-1])
        commit = Commit(
            cursor=entries[-1].pos,
            batches=outcomes.accepted,
            outcomes=outcomes.outcomes,
            state=self._core.dump(after, dict.fromkeys((*outcomes.changed, *self._pinned))),
            duplicates=outcomes.duplicates,
        )
        if not self._stored(commit, stop):
            return state
        if self._returns is not None:
            self._returns.give([outcome for outcome in outcomes.outcomes if isinstance(outcome, Advice)])
        self._pinned = ()
        self._state_bytes = sum(map(len, commit.state.values()))
        self._log.confirm(commit.cursor)
        self._note(
            state=RunnerState.READING,
            pos=commit.cursor,
            clock_ns=self._core.clock_ns(after),
            behind=self._more,
        )
        return after

    def _stored(self, commit: Commit, stop: threading.Event) -> bool:
        refused = False
        while True:
            try:
                self._store.write(commit)
            except StoreFullError as error:
                if not refused:
                    log.warning("scoring stands still: %s", error)
                refused = True
                self._note(state=RunnerState.STORE_FULL, last_error=str(error))
                self._retain(self._clock_ns())
                if stop.wait(self._pauses.full_s):
                    return False
            else:
                if refused:
                    log.info("the store takes writes again")
                return True

    def _rest(self, state: CoreState, *, at_end: bool, stop: threading.Event) -> None:
        now_ns = self._clock_ns()
        retain_ns, tick_ns = (int(pause_s * NS_PER_S) for pause_s in (self._pauses.retain_s, self._pauses.tick_s))
        # A clock that was set back would put off what is due until it is there again.
        if not self._retain_due_ns - retain_ns <= now_ns < self._retain_due_ns:
            self._retain_due_ns = now_ns + retain_ns
            self._retain(now_ns)
        self._swap(state, at_end=at_end)
        if not at_end:
            return
        if not self._tick_due_ns - tick_ns <= now_ns < self._tick_due_ns and self._core.overdue(
            state, now_ns - tick_ns
        ):
            self._tick_due_ns = now_ns + tick_ns
            self._tick(now_ns)
        self._pause(self._pauses.after(self._state_bytes), stop)

    def _pause(self, pause_s: float, stop: threading.Event) -> None:
        """Rest until more inputs come together, in slices in which a bench that waits is heard."""
        until_s = time.monotonic() + pause_s
        while not stop.is_set() and (left_s := until_s - time.monotonic()) > 0:
            if self._pressing.wait(min(left_s, STOP_S)):
                return

    def _swap(self, state: CoreState, *, at_end: bool) -> None:
        """Write what is wanted of models and not yet in force; it comes to pass where it stands among the inputs."""
        now_s = time.monotonic()
        for wish in self._herald.due(self._wanted(), state.models, now_s=now_s, at_end=at_end):
            try:
                self._inbox.append(change(wish, self._clock_ns()))
            except FullError as error:
                self._note(last_error=f"no model change written: {error}")
                return
            self._herald.said(wish, now_s)

    def _tick(self, now_ns: int) -> None:
        try:
            self._inbox.append(Tick(at_ns=now_ns))
        except FullError as error:
            self._note(last_error=f"no tick written: {error}")

    def _retain(self, now_ns: int) -> None:
        try:
            self._store.retain(self._calendar.day(now_ns))
        except StoreFullError as error:
            self._note(last_error=f"nothing could be let go: {error}")

    def _note(self, **said: object) -> None:
        self.health = msgspec.structs.replace(self.health, **said)
