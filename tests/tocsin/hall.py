"""A box with a real broker and pseudo-terminals in front of it, for tests that speak to it as devices do."""

import os
import select
import socket
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

from paho.mqtt.client import Client

from tests.edge.sources.mosquitto import mosquitto, publisher
from tocsin.reaching.client import Client as Api
from tocsin.roles.box import Box
from wire.messages import DeadLetter, SourceStatus
from wire.settings import load

DEADLINE_S = 60.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S:g} s in vain for {what}"
        time.sleep(0.01)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Terminal:
    """A device's end of a serial line that waits for its reader instead of losing bytes."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()  # the slave stays open, so that the port outlives its reader
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)

    def say(self, *lines: str | bytes) -> None:
        """Send lines, each with its end."""
        self.send(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines))

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        left = memoryview(data)
        while left:
            _, ready, _ = select.select([], [self._master], [], DEADLINE_S)
            assert ready, "nobody reads the terminal"
            left = left[os.write(self._master, left[:4096]) :]

    def close(self) -> None:
        """Pull the plug."""
        os.close(self._master)
        os.close(self._slave)


class Hall:
    """A running box and the broker it listens to."""

    def __init__(self, box: Box, config: Path) -> None:
        self.box = box
        self.config = config
        self.base = ""
        self.client: Client | None = None

    @property
    def api(self) -> Api:
        """The API of the box."""
        return Api(self.base.removeprefix("http://"))

    def publish(self, topic: str, *payloads: str | bytes, qos: int = 1, retain: bool = False) -> None:
        """Publish, and wait until the broker has it all."""
        assert self.client is not None
        for sent in [self.client.publish(topic, payload, qos, retain) for payload in payloads]:
            sent.wait_for_publish(DEADLINE_S)

    def rows(self, device: str) -> int:
        """Rows of a device that are stored."""
        return next((found.rows or 0 for found in self.box.reader.devices() if found.device == device), 0)

    def letters(self, words: str, source: str = "") -> list[DeadLetter]:
        """Dead letters whose reason holds these words, newest first."""
        found = self.box.reader.dead(limit=10_000)
        return [letter for letter in found if words in letter.reason and letter.source.startswith(source)]

    def dead(self, words: str, source: str = "") -> int:
        """Inputs behind these dead letters."""
        return sum(letter.count for letter in self.letters(words, source))

    def rules(self, device: str) -> set[str]:
        """Alarms of a device that stand or need an answer."""
        return {alarm.rule for alarm in self.box.reader.alarms(device=device, active=True)}

    def counts(self) -> tuple[int, int]:
        """Rows stored and inputs that became dead letters."""
        accounts = self.box.reader.accounts()
        return sum(one.stored for one in accounts), sum(one.dead for one in accounts)


@contextmanager
def running(config: Path) -> Iterator[Hall]:
    """Run the box of a config file until the block ends; waits until all its sources are connected."""
    begun_ns = time.time_ns()
    with Box(load(config)) as box:
        wanted = len(box.config.edge.sources)

        def connected() -> bool:
            said = [state for _, state in box.reader.sources() if state.t_ns >= begun_ns]
            return sum(state.state is SourceStatus.CONNECTED for state in said) == wanted

        until(connected, "all sources")
        yield Hall(box, config)


@contextmanager
def hall(folder: Path, config: str, lines: dict[str, Terminal]) -> Iterator[Hall]:
    """Run a box with page and broker; `@broker@`, `@page@` and the names of lines are filled in."""
    with ExitStack() as stack:
        server = stack.enter_context(mosquitto(folder))
        text = config.replace("@broker@", server.url).replace("@page@", f"127.0.0.1:{free_port()}")
        for name, line in lines.items():
            text = text.replace(f"@{name}@", line.path)
        path = folder / "tocsin.toml"
        path.write_text(text)
        client = stack.enter_context(publisher(server))
        there = stack.enter_context(running(path))
        there.client = client
        there.base = there.box.serve()
        yield there


def listed(api: Api, path: str, **query: str) -> list[dict[str, object]]:
    """A list from the API."""
    return cast("list[dict[str, object]]", api.get(path, **query))
