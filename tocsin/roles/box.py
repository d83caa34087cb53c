"""The box, put together: sources, log, core, store and page of one machine in one process."""

import logging
import threading
import time
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from dashboards.console.desk import BoxStatus
from dashboards.console.server import Console, ConsoleError
from edge.agent import Agent
from edge.log import LocalLog
from edge.logfile import LogError
from models.registry.errors import RegistryError
from models.registry.folder import Registry
from store.box.box import DuckStore
from store.errors import StoreError
from store.port import Reader, StoreFullError
from stream.box.runner import BoxRunner, RunnerState
from stream.core import Core
from tocsin.modelling.shelf import shelf
from tocsin.modelling.swapping import Swapping, swapping
from tocsin.places import at_home, log_path, models_url, store_path
from tocsin.reaching.catalogue import catalogued
from wire.messages import NS_PER_S
from wire.settings import Loaded

if TYPE_CHECKING:  # what models are compared with takes libraries, and is loaded where some are to be kept
    from tocsin.keeping.keeper import Keeper

log = logging.getLogger(__name__)

POLL_S = 0.05
STALLED_S = 30.0
SETTLE_S = 3.0


class BoxError(Exception):
    """The box cannot run; the message says why and what to do."""


class Box:
    """Runs a config from `with` to the end of it, and leaves everything committed. Raises BoxError.

    Sources are read first: a second of start-up is a second in which a serial port would drop what it hears.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.config = at_home(loaded)
        self.log = LocalLog.of(log_path(loaded), self.config.edge)
        self._store = DuckStore(path=store_path(loaded), retention=self.config.retention)
        self._models = models_url(loaded)
        self._stop = threading.Event()
        self._stack = ExitStack()
        self._agent: Agent | None = None
        self._runner: BoxRunner | None = None
        self._swapping: Swapping | None = None
        self._keeper: Keeper | None = None

    @property
    def reader(self) -> Reader:
        """The reading side of the store."""
        return self._store

    def __enter__(self) -> Self:
        """Open the log, start the sources, then the store and the core."""
        with ExitStack() as opening:
            try:
                self._open(opening)
            except (LogError, StoreError, StoreFullError, ValueError, OSError) as error:
                raise BoxError(str(error)) from error
            self._stack = opening.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop in the opposite order."""
        self._stack.close()

    def serve(self, *, token: str | None = None) -> str:
        """Serve the page and the API until the box is left; returns their address."""
        assert self._agent is not None
        try:
            console = Console(
                self._store,
                self.log,
                listen=self.config.console.listen,
                token=token,
                site=self.config.site,
                status=self.status,
                rule_of=self.config.device,
                models=Registry.open(self._models),
                catalogue=catalogued(self._loaded, self._store),
                procedure_of=self.config.procedure,
                intake=self._agent.outbox,
                waiting=self._agent.returns,
            )
            self._stack.enter_context(console)
        except (ConsoleError, RegistryError) as error:
            raise BoxError(str(error)) from error
        log.info("the page is on %s", console.url)
        return console.url

    def status(self) -> BoxStatus:
        """How the box is doing, for the page and for /readyz."""
        assert self._runner is not None
        health, room = self._runner.health, self.log.status()
        lag_s = health.lag_ns(time.time_ns()) / NS_PER_S
        stalled = ""
        if health.state in {RunnerState.FAILED, RunnerState.STORE_FULL}:
            stalled = f"scoring stands still: {health.last_error}"
        elif health.state is RunnerState.STARTING:
            stalled = "the store is being opened"
        elif not health.caught_up:
            stalled = f"what waited in the log is worked on first ({room.backlog} inputs), what comes now after it"
        elif room.backlog and lag_s > STALLED_S:
            stalled = f"scoring is {lag_s:.0f} s behind"
        models = dict(self._swapping.troubles) if self._swapping is not None else {}
        notes = [note for note in (room.trouble, self.failure()) if note]
        notes += [f"model {name}: {why}" for name, why in models.items()]
        notes += self._keeper.notes if self._keeper is not None else ()
        return BoxStatus(
            log_room_h=room.hours_left,
            log_bytes=room.lane.bytes,
            lag_s=lag_s,
            backlog=room.backlog,
            stalled=stalled,
            models=models,
            kept=self._keeper.kept if self._keeper is not None else {},
            notes=tuple(notes),
        )

    def failure(self) -> str:
        """Why the box cannot go on; empty while it can."""
        if self._runner is not None and self._runner.health.state is RunnerState.FAILED:
            return self._runner.health.last_error
        return self._agent.failure if self._agent is not None else ""

    def no_room(self) -> str:
        """Why nothing can be stored just now, for want of room; empty while there is room."""
        assert self._runner is not None
        health = self._runner.health
        return health.last_error if health.state is RunnerState.STORE_FULL else ""

    def drained(self, within_s: float) -> bool:
        """Wait until everything that was read is stored; false if that took longer or can no longer come."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and not self.failure():
            lane = self.log.status().lane
            if not lane.waiting:
                return True
            if self._stop.wait(POLL_S):
                return False
        return False

    def _open(self, opening: ExitStack) -> None:
        opening.enter_context(self.log)
        self._agent = opening.enter_context(Agent(self.config, log=self.log))
        opening.enter_context(self._store)
        detectors = shelf(self._loaded)
        self._swapping = models = swapping(self._loaded, detectors)
        core = Core(self.config, detectors)
        self._runner = BoxRunner(
            self.log,
            inbox=self.log,
            store=self._store,
            core=core,
            clock_ns=time.time_ns,
            wanted=lambda: models.wanted,
            returns=self._agent.returns,
            pressing=self._agent.pressing,
        )
        thread = threading.Thread(target=self._score, args=(self._runner,), name="runner")
        thread.start()
        opening.callback(thread.join)
        looking = threading.Thread(target=models.run, args=(self._stop,), name="swapping", daemon=True)
        looking.start()
        opening.callback(looking.join, SETTLE_S)  # a registry that does not answer keeps nobody from ending
        if self.config.models:
            keeping = threading.Thread(target=self._keep, name="keeping")
            keeping.start()
            opening.callback(keeping.join)
        opening.callback(self._stop.set)
        opening.callback(self._settle, self._agent)

    def _keep(self) -> None:
        from tocsin.keeping.composing import keeper  # noqa: PLC0415 -- see above

        self._keeper = keeper(self._loaded, self._store, self.log)
        self._keeper.run(self._stop)

    def _settle(self, agent: Agent) -> None:
        """Read no more, and store what was read; what takes longer waits in the log for the next start."""
        agent.stop()
        self.drained(SETTLE_S)

    def _score(self, runner: BoxRunner) -> None:
        with suppress(Exception):  # it has said so in the log and in its health, where `failure` finds it
            runner.run(self._stop)
