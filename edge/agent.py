"""The agent: all sources of one edge, each in a thread of its own, in front of one outbox."""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from edge.clock import Clock, SystemClock
from edge.keeper import Keeper
from edge.log import LocalLog
from edge.outbox import Outbox
from edge.returns import Answering, WaysBack
from edge.source import Source
from edge.sources.table import build
from wire.config import Config, EdgeSettings, ReplaySource, source_names
from wire.config import Source as SourceSettings

STOP_S = 5.0  # sources that did not end by then are left behind

Build = Callable[[SourceSettings, str, Config], Source]
logger = logging.getLogger(__name__)


def _names(edge: EdgeSettings) -> tuple[str, ...]:
    names = source_names(edge)
    doubles = sorted(name for name, count in Counter(names).items() if count > 1)
    if doubles:
        msg = f"edge.sources: {', '.join(doubles)} is the name of more than one source; give each a name of its own"
        raise ValueError(msg)
    return names


def _build(settings: SourceSettings, name: str, config: Config) -> Source:
    try:
        return build(settings, name=name, config=config)
    except ModuleNotFoundError as error:
        msg = f"source {name} needs the package {error.name}: pip install 'tocsin[edge]'"
        raise ValueError(msg) from error
    except ValueError as error:
        msg = f"source {name}: {error}"
        raise ValueError(msg) from error


class Agent:
    """Runs the sources of a config over an open log.

    Raises ValueError when a source cannot be built from its settings. One source in trouble never stops another,
    unless its policy is `fail`; then `failure` says why, and so it does when the log fails.
    """

    def __init__(
        self,
        config: Config,
        *,
        log: LocalLog,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        build: Build = _build,
    ) -> None:
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()
        self._stop = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._failure = ""
        names = _names(config.edge)
        self._sources = [
            (build(settings, name, config), settings) for settings, name in zip(config.edge.sources, names, strict=True)
        ]
        self._running = len(self._sources)
        self._returns = WaysBack([source for source, _ in self._sources if isinstance(source, Answering)])
        lines = [
            source.name
            for source, settings in self._sources
            if not (source.acknowledged or isinstance(settings, ReplaySource))
        ]
        self.pressing = threading.Event()  # set when a step's end is on disk: a bench waits for what is made of it
        self._outbox = Outbox(
            log,
            config,
            clock=self._clock,
            rng=self._rng,
            lines=lines,
            failed=self._fail,
            pressing=self.pressing.set,
        )
        self._threads = [
            threading.Thread(target=self._keep, args=(source, settings), name=f"source-{source.name}", daemon=True)
            for source, settings in self._sources
        ]

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @property
    def failure(self) -> str:
        """Why the program has to end, in one sentence; empty while there is no reason."""
        return self._failure

    @property
    def outbox(self) -> Outbox:
        """Where others in the same process may put arrivals."""
        return self._outbox

    @property
    def returns(self) -> WaysBack:
        """Where advice goes back to the benches, and where whoever asks over HTTP waits for it."""
        return self._returns

    def start(self) -> None:
        """Start the outbox, then every source."""
        self._outbox.__enter__()
        for thread in self._threads:
            thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is over: every source ended, one that must start could not, or the log failed."""
        return self._over.wait(timeout_s)

    def stop(self) -> None:
        """Stop the sources, commit what they read, and end; safe to call twice."""
        self._stop.set()
        deadline = time.monotonic() + STOP_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                logger.error("%s did not stop within %g s and is left behind", thread.name, STOP_S)
        self._outbox.__exit__(None, None, None)
        self._over.set()

    def _keep(self, source: Source, settings: SourceSettings) -> None:
        rng = random.Random(self._rng.random())
        keeper = Keeper(
            source, on_start=settings.on_start, intake=self._outbox, stop=self._stop, rng=rng, failed=self._fail
        )
        try:
            keeper.run()
        except Exception as error:
            logger.exception("the keeper of source %s failed", source.name)
            self._fail(f"the keeper of source {source.name} failed: {error}")
        with self._lock:
            self._running -= 1
            if not self._running:
                self._over.set()

    def _fail(self, reason: str) -> None:
        with self._lock:
            self._failure = self._failure or reason
        self._over.set()
