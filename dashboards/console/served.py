"""Serves an app in the calling thread or in one of its own; loads it only when it starts."""

import socket
import threading
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Self

from dashboards.console.session import TOKEN_MIN

if TYPE_CHECKING:
    import uvicorn

JOIN_S = 12.0  # open connections get their grace, and the store its last answer


class ConsoleError(Exception):
    """The console cannot be served; the message says why and what to do."""


class ListenError(ConsoleError):
    """The address cannot be listened on."""


class _State(Enum):
    NEW = "new"
    RUNNING = "running"
    STOPPED = "stopped"


def _split(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 -- ports end there
        msg = f"{listen!r} is no address to listen on; write it as 127.0.0.1:8765"
        raise ConsoleError(msg)
    return host.strip("[]") or "127.0.0.1", int(port)


class Served:
    """A web server on one address; `setting` names where the address is set, for who has to change it.

    `make` builds the server and is handed what to call when it answers. Raises ConsoleError for an address other than
    loopback without a token of at least 16 characters.
    """

    def __init__(
        self,
        make: Callable[[Callable[[], None]], "uvicorn.Server"],
        *,
        listen: str,
        token: str | None,
        setting: str,
        on_ready: Callable[[str], None] | None = None,
    ) -> None:
        """Check the arguments; nothing is opened."""
        self._host, self._port = _split(listen)
        self._setting = setting
        if token is not None and len(token) < TOKEN_MIN:
            msg = f"TOCSIN_TOKEN has {len(token)} characters, at least {TOKEN_MIN} are needed; `openssl rand -hex 16`"
            raise ConsoleError(msg)
        if token is None and self._host not in {"127.0.0.1", "localhost", "::1"}:
            msg = f"{setting} = {listen!r} is open to others: set a token in TOCSIN_TOKEN, or use 127.0.0.1"
            raise ConsoleError(msg)
        self._make = make
        self._on_ready = on_ready
        self._state = _State.NEW
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failed: BaseException | None = None
        self.url = ""

    def run(self) -> None:
        """Serve in this thread until stopped or interrupted. Raises ListenError when the address is taken."""
        sock = self._bind()
        try:
            self._serve(sock)
        finally:
            sock.close()

    def start(self, *, timeout_s: float = 60.0) -> str:
        """Serve in a thread of its own; returns the URL once it answers. Raises ConsoleError."""
        sock = self._bind()
        self._thread = threading.Thread(target=self._background, args=(sock,), name="console", daemon=True)
        self._thread.start()
        if not self._ready.wait(timeout_s) or self._failed:
            self.stop()
            msg = f"the console did not start: {self._failed or f'not ready within {timeout_s:g} s'}"
            raise ConsoleError(msg) from self._failed
        return self.url

    def stop(self) -> None:
        """End serving; returns when the thread is over."""
        self._state = _State.STOPPED
        if self._server:
            self._server.should_exit = True
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(JOIN_S)

    def __enter__(self) -> Self:
        """Start in a thread."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def _bind(self) -> socket.socket:
        if self._state is not _State.NEW:
            msg = "a console serves once; make a new one"
            raise ConsoleError(msg)
        self._state = _State.RUNNING
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((self._host, self._port))
            sock.listen(128)
        except OSError as error:
            sock.close()
            msg = (
                f"cannot listen on {self._host}:{self._port}: {error.strerror or error}; is another Tocsin running? "
                f"Stop it, or set another {self._setting} in tocsin.toml"
            )
            raise ListenError(msg) from error
        port = sock.getsockname()[1]
        self.url = f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{port}"
        return sock

    def _background(self, sock: socket.socket) -> None:
        try:
            self._serve(sock)
        except BaseException as error:  # noqa: BLE001 -- handed to whoever waits in start()
            self._failed = error
        finally:
            sock.close()
            self._ready.set()

    def _serve(self, sock: socket.socket) -> None:
        self._server = self._make(self._announce)
        if self._state is _State.RUNNING:
            self._server.run(sockets=[sock])

    def _announce(self) -> None:
        self._ready.set()
        if self._on_ready:
            self._on_ready(self.url)
