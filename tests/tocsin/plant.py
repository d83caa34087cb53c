"""A small plant on disk, its recording, and the `tocsin` command run on it in this or in another process."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner, Result

from benchmarks.processes import answers, free_port, until
from tocsin.command import cli
from tocsin.roles.box import Box
from wire.messages import SourceStatus
from wire.settings import load

DEADLINE_S = 30.0
ROWS = 120
HOT = (40, 80)  # rows in which each limit is passed
BEGUN = "2026-05-01T06:00:"

RECORDED = """\
[edge]
name = "edge-1"
[[edge.sources]]
type = "replay"
path = "may.csv"
device = "pump-1"
times = "own"
speed = 0
"""
QUIET = """\
[edge]
name = "edge-1"
[[edge.sources]]
type = "host"
every = "1h"
"""
RULES = """\
[[devices]]
match = "pump-1"
channels.temperature.limits = {{ H = 80, deadband = 2, response = "Check the flow." }}
channels.current.limits = {{ H = 20, deadband = 1 }}
[retention]
readings = "36500d"
[console]
listen = "127.0.0.1:{page}"
"""


def recording() -> str:
    """Two channels once in half a second; both are too high for a while, the current to the end."""
    lines = ["time,temperature,current"]
    for row in range(ROWS):
        second = f"{row // 2:02}.{row % 2 * 5}"
        lines.append(f"{BEGUN}{second}Z,{90 if row in range(*HOT) else 60},{25 if row >= HOT[0] else 10}")
    return "\n".join(lines) + "\n"


def write(folder: Path, sources: str) -> Path:
    """Write the config of the plant, on a free port; returns its path."""
    path = folder / "tocsin.toml"
    path.write_text(sources + RULES.format(page=free_port()))
    return path


def record(folder: Path) -> None:
    """Let a box store the recording, and stop it."""
    (folder / "may.csv").write_text(recording())
    with Box(load(write(folder, RECORDED))) as box:

        def over() -> bool:
            return any(state.state is SourceStatus.ENDED for _, state in box.reader.sources())

        until(over, within_s=DEADLINE_S, what="the end of the recording")
    write(folder, QUIET)


def page(config: Path) -> str:
    """Where the page of this config is served."""
    return f"http://{load(config).config.console.listen}"


def tocsin(*words: str | Path) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)


class Up:
    """A `tocsin up` of its own process; warnings in it are errors."""

    def __init__(self, config: Path, *options: str) -> None:
        self.config = config
        self.output = config.with_suffix(".log")
        with self.output.open("wb") as out:
            self.child = subprocess.Popen(
                [sys.executable, "-W", "error::ResourceWarning", "-m", "tocsin", "up", "-c", str(config), *options],
                stdout=out,
                stderr=out,
            )

    @property
    def said(self) -> str:
        """What it wrote on its terminal so far."""
        return self.output.read_text()

    def ready(self) -> None:
        """Wait until /readyz says so."""

        def ready() -> bool:
            assert self.child.poll() is None, self.said
            return answers(f"{page(self.config)}/readyz")

        until(ready, within_s=DEADLINE_S, what="the box to be ready", every_s=0.05)

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait; returns the exit code."""
        self.child.send_signal(number)
        return self.child.wait(DEADLINE_S)

    def over(self) -> int:
        """Wait until it ends by itself; returns the exit code."""
        return self.child.wait(DEADLINE_S)


@contextmanager
def up(config: Path, *options: str) -> Iterator[Up]:
    """Start a box, and end it whatever happens."""
    box = Up(config, *options)
    try:
        yield box
    finally:
        if box.child.poll() is None:
            box.child.terminate()
            try:
                box.child.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                box.child.kill()
                box.child.wait()
                raise


def told(result: Result) -> list[dict[str, object]]:
    """The JSON list that a command printed."""
    assert result.exit_code in {0, 1, 2}, result.output
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found
