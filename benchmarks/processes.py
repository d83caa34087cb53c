"""Real processes for campaigns: a broker and boxes on loopback, started, killed and waited for."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

MOSQUITTO = shutil.which("mosquitto") or ("/usr/sbin/mosquitto" if Path("/usr/sbin/mosquitto").exists() else "")


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], *, within_s: float, what: str, every_s: float = 0.02) -> float:
    """Wait for a condition; returns the seconds it took. Raises TimeoutError naming what was waited for."""
    begun = look = time.monotonic()
    while not condition():
        now = time.monotonic()
        if now - begun > within_s:
            msg = f"waited {within_s:g} s for {what}"
            raise TimeoutError(msg)
        time.sleep(max(every_s, now - look))  # a costly look takes the cores from what is waited for
        look = time.monotonic()
    return time.monotonic() - begun


class Process:
    """A child process with its output in a file; ends with its context."""

    def __init__(self, command: list[str], *, folder: Path, name: str) -> None:
        """Remember what to run."""
        self.command = command
        self.folder = folder
        self.output = folder / f"{name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with self.output.open("ab") as out:
            self._child = subprocess.Popen(self.command, cwd=self.folder, stdout=out, stderr=out, env=environment)

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._child is not None
        return self._child.pid

    def running(self) -> bool:
        """Whether it lives."""
        return self._child is not None and self._child.poll() is None

    @property
    def code(self) -> int | None:
        """Its exit code; None while it lives."""
        return self._child.poll() if self._child is not None else None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._child is not None
        self._child.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self._child is not None
        self._child.send_signal(signal.SIGKILL)
        self._child.wait()

    def stop(self) -> int:
        """Ask it to end, and insist after 20 s; returns its exit code."""
        assert self._child is not None
        self._child.terminate()
        try:
            return self._child.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def rss_mb(self) -> float:
        """Resident memory now, in MB."""
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it if it still runs, and show its words if something went wrong."""
        if self.running():
            self.stop()
        if kind is not None and self.output.exists():
            sys.stderr.write(f"--- {self.output.name}\n{self.output.read_text(errors='replace')[-4000:]}\n")


def broker(folder: Path, port: int) -> Process:
    """Mosquitto on a loopback port, keeping everything for absent clients."""
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        "max_queued_messages 0\nmax_inflight_messages 0\nuser root\n"
    )
    return Process([MOSQUITTO, "-c", str(config)], folder=folder, name="mosquitto")


def box(folder: Path, config: str, *, name: str = "box") -> Process:
    """`tocsin up` with this config in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tocsin.toml").write_text(config)
    return Process([sys.executable, "-m", "tocsin", "up"], folder=folder, name=name)


def answers(url: str) -> bool:
    """Whether a loopback URL answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 -- loopback
            return bool(answer.status == 200)
    except OSError:
        return False


def accepts(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
