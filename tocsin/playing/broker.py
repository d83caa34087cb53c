"""A small MQTT broker inside the process, for the demo: nothing to install, nothing that other machines can reach."""

import asyncio
import logging
import threading
from types import TracebackType
from typing import Self

from amqtt.broker import Broker
from amqtt.errors import BrokerError

START_S = 10.0


class EmbeddedBroker:
    """amqtt on a loopback port, in a thread with a loop of its own."""

    def __init__(self, port: int) -> None:
        """Remember the port; nothing is opened."""
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="demo-broker", daemon=True)
        self._broker: Broker | None = None

    def __enter__(self) -> Self:
        """Start and wait until clients can connect."""
        for chatty in ("amqtt", "transitions"):
            logging.getLogger(chatty).setLevel(logging.ERROR)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(timeout=START_S)
        except BaseException as error:
            self._end()
            if isinstance(error, BrokerError):  # a taken port, for one
                msg = f"the demo's broker cannot listen on 127.0.0.1:{self.port}: {error}"
                raise OSError(msg) from error
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop the broker, its loop and its thread."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(timeout=START_S)
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=START_S)
        self._loop.close()

    async def _start(self) -> None:
        self._broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}", "max_connections": 50}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await self._broker.start()

    async def _shut(self) -> None:
        assert self._broker is not None
        await self._broker.shutdown()
