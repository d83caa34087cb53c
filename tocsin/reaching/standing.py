"""A stopped box at work on what a command brings: its log, core and store, no sources and no page, its clock still."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from edge.log import LocalLog
from edge.logfile import LogError
from store.box.box import DuckStore
from stream.box.runner import BoxRunner, RunnerState
from stream.core import Core
from tocsin.modelling.shelf import shelf
from tocsin.places import at_home, log_path
from tocsin.reaching.reach import ReachError
from wire.ports import FullError, Wish
from wire.settings import Loaded

POLL_S = 0.02
GIVE_UP_S = 600.0  # without any progress


class Standing:
    """Takes inputs into a box that does not run. Its clock stands where it stood: no machine is silent by this."""

    def __init__(self, log: LocalLog, runner: BoxRunner) -> None:
        """Keep what works."""
        self._log = log
        self._runner = runner
        self._last = 0

    def give(self, message: Wish) -> None:
        """Put one input behind the others; waits while the log has no room for it. Raises ReachError."""
        while True:
            self._check()
            try:
                self._last = self._log.append(message)
            except FullError:
                time.sleep(POLL_S)
            except LogError as error:
                raise ReachError(str(error)) from error
            else:
                return

    def settle(self) -> None:
        """Wait until everything that was given is stored. Raises ReachError."""
        stood, since_s = -1, time.monotonic()
        while self._runner.health.pos < self._last:
            self._check()
            if self._runner.health.pos != stood:
                stood, since_s = self._runner.health.pos, time.monotonic()
            if time.monotonic() - since_s > GIVE_UP_S:
                msg = f"the box stored nothing for {GIVE_UP_S:g} s; what was brought waits in its log"
                raise ReachError(msg)
            time.sleep(POLL_S)

    def _check(self) -> None:
        health = self._runner.health
        if health.state in {RunnerState.FAILED, RunnerState.STORE_FULL}:
            raise ReachError(health.last_error)


@contextmanager
def standing(loaded: Loaded, store: DuckStore) -> Iterator[Standing]:
    """Work on inputs over an open store until the block ends; then all that was given is stored. Raises ReachError."""
    config = at_home(loaded)
    core = Core(config, shelf(loaded))
    clock_ns = core.clock_ns(core.load(store.resume().state)) or time.time_ns()
    stop = threading.Event()
    with ExitStack() as stack:
        try:
            log = stack.enter_context(LocalLog.of(log_path(loaded), config.edge))
        except LogError as error:
            raise ReachError(str(error)) from error
        runner = BoxRunner(log, inbox=log, store=store, core=core, clock_ns=lambda: clock_ns)

        def work() -> None:
            with suppress(Exception):  # said in the log and in `health`
                runner.run(stop)

        thread = threading.Thread(target=work, name="standing")
        thread.start()
        stack.callback(thread.join)
        stack.callback(stop.set)
        at_work = Standing(log, runner)
        yield at_work
        at_work.settle()
