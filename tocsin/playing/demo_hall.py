"""The test benches of the demo: a small hall that hears when to stop, and the training that makes this possible."""

import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.bench import runs
from simulators.bench_lines import MqttBenches
from simulators.hall import Hall, Tally, report
from tocsin.playing.demo_lesson import command

STATIONS, SPEED = 4, 40.0  # a run of 20 minutes is over in 30 s
SEED = 25  # and that of the demo: several of the first units of that hall are bad, and show it early
JOIN_S = 5.0

CONFIG = """\

[[procedures]]
match = "servo-final"
owner = "quality@demo"
model = "servo"                       # trained on the simulator's past within the first half minute
advice = "on"                         # begin with "shadow" in a plant of your own
costs = { bench_hour = 180, scrap_good = 30, repair = 40, currency = "EUR" }
"""


class DemoHall:
    """Plays runs on a broker from `with` to the end of it, and has their model trained beside."""

    def __init__(self, *, url: str, config: Path, seed: int) -> None:
        self._url = url
        self._config = config
        self._seed = seed
        self._tally = Tally()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play, name="demo-hall", daemon=True)
        self._training: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Begin both."""
        with self._config.with_name("training.log").open("wb") as said:
            words = command(self._config, self._seed)
            self._training = subprocess.Popen(words, stdout=said, stderr=said)  # noqa: S603 -- nothing comes from outside
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Say nothing more; a training that is not over is not needed any more."""
        self.hush()
        if self._training is not None:
            self._training.terminate()
            self._training.wait()

    def hush(self) -> None:
        """Say nothing more."""
        self._over.set()
        self._thread.join(JOIN_S)

    def report(self) -> dict[str, float]:
        """What came of it, as the units' own truth says."""
        return dict(report(self._tally))

    def _play(self) -> None:
        with suppress(OSError), MqttBenches(self._url) as line:
            hall = Hall(
                line,
                speed=SPEED,
                obey=True,
                clock_ns=time.time_ns,
                wait=self._over.wait,
                hear=lambda *_: None,
                tally=self._tally,
            )
            hall.play(runs(SEED + self._seed, stations=STATIONS))
