"""Log, core, store, registry and keeper put together as in a box, with a clock that is the time of the data."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.log import LocalLog
from edge.outbox import Outbox
from models.registry.folder import CANDIDATE, CHAMPION, Registry
from store.box.box import DuckStore
from stream.box.runner import BoxRunner, Pauses, RunnerState
from stream.core import Core
from tocsin.keeping.diary import Page
from tocsin.keeping.keeper import Keeper
from tocsin.keeping.trainings import ASKED, Trainings
from tocsin.modelling.shelf import Shelf
from tocsin.modelling.swapping import Swapping
from wire.config import Config
from wire.ports import Arrival, Receipt, Wish

PATIENCE_S = 300.0
POLL_S, REST_S = 0.01, 0.1
AT_ONCE = 500  # what people say, before it is waited for


class Hall:
    """What happens in it is done step by step: nothing goes on by itself but what was put in."""

    def __init__(self, folder: Path, config: Config, *, start_ns: int) -> None:
        self.now_ns = start_ns
        self.name = config.models[0].name
        self.registry = Registry.open(str(folder / "models"))
        self.log = LocalLog(folder / "log.sqlite", edge=config.edge.name, bytes_bound=4_000_000_000)
        self.store = DuckStore(path=folder / "store.duckdb", retention=config.retention)
        self._config = config
        self._folder = folder / "keeping"
        shelf = Shelf(self.registry.load, [self.name])
        self._swapping = Swapping(shelf, self.registry.aliases)
        self._core = Core(config, shelf)
        self._outbox = Outbox(self.log, config)

    @contextmanager
    def open(self) -> Iterator["Hall"]:
        """Open all; what is under way ends with it."""
        self._folder.mkdir(parents=True)
        with self.log, self.store, self._outbox:
            self._runner = BoxRunner(
                self.log,
                inbox=self.log,
                store=self.store,
                core=self._core,
                clock_ns=time.time_ns,
                pauses=Pauses(wait_s=POLL_S, group_s=0.0, longest_s=0.0),  # all that comes together is put in at once
                wanted=lambda: self._swapping.wanted,
            )
            self._trainings = Trainings(
                self._config,
                reader=self.store,
                inbox=self.log,
                registry=lambda: self.registry,
                registry_url=self.registry.url,
                recipe_at=lambda written: written,
                folder=self._folder,
                clock_s=lambda: self.now_ns / 1e9,
            )
            self._keeper = Keeper(
                self._config,
                reader=self.store,
                inbox=self.log,
                registry=lambda: self.registry,
                trainings=self._trainings,
                folder=self._folder,
                clock_ns=lambda: self.now_ns,
            )
            stop = threading.Event()
            thread = threading.Thread(target=self._runner.run, args=(stop,), name="runner")
            thread.start()
            try:
                yield self
            finally:
                self._trainings.end()
                stop.set()
                thread.join()

    @property
    def page(self) -> Page:
        """What the keeper knows of the model."""
        return self._keeper.diary.page(self.name)

    @property
    def champion(self) -> int:
        """The version that is in force by the registry; 0: none."""
        return self.registry.aliases(self.name).get(CHAMPION, 0) if self.registry.versions(self.name) else 0

    @property
    def candidate(self) -> int:
        """The one that is tried beside it; 0: none."""
        found = self.registry.aliases(self.name).get(CANDIDATE, 0) if self.registry.versions(self.name) else 0
        return found if found != self.champion else 0

    def put(self, arrivals: Sequence[Arrival], to_ns: int) -> None:
        """Let it come, wait until all is stored, and let the clock stand where it ends."""
        durable = threading.Event()
        *before, last = arrivals
        for arrival in before:
            self._outbox.put(arrival)
        key = f"{to_ns}".encode()
        self._outbox.put(
            Arrival(last.source, last.rows, last.events, last.own_times, Receipt(key=key, done=durable.set))
        )
        assert durable.wait(PATIENCE_S)
        self._settle()
        self.now_ns = to_ns

    def say(self, message: Wish) -> None:
        """A person or a program says something; stored when this returns."""
        self.say_all([message])

    def say_all(self, messages: Sequence[Wish]) -> None:
        """Several, in order."""
        for at, message in enumerate(messages, start=1):
            self.log.append(message)
            if at % AT_ONCE == 0:
                self._settle()
        self._settle()

    def turn(self) -> Page:
        """The keeper does what is due; a change of model is in force before anything else comes."""
        self._keeper.turn()
        if not self.page.begun_ns and self.registry.versions(self.name):
            before = self._swapping.wanted
            self._swapping.look()
            if self._swapping.wanted != before:
                self._settle()
                time.sleep(REST_S)  # so that the runner, which is at rest, writes it before the next rows
                self._settle()
        return self.page

    def over(self) -> Page:
        """Wait for a training or a judging that is under way."""
        self._until(lambda: not self.turn().begun_ns, "the end of a training")
        return self.page

    def ask(self) -> Page:
        """A person wants a training; what came of it."""
        (self._folder / f"{ASKED}{self.name}").touch()
        self.turn()
        return self.over()

    def _settle(self) -> None:
        self._until(lambda: not self.log.status().backlog, "everything to be stored")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if self._runner.health.state is RunnerState.FAILED or time.monotonic() > deadline:
                msg = f"waited in vain for {what}: {self._runner.health.last_error}"
                raise RuntimeError(msg)
            time.sleep(POLL_S)
