"""Serves the console in the calling thread or in one of its own; loads the page only when it starts."""

import socket
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Self

from dashboards.console.desk import Bench, BoxStatus, Desk, Status
from dashboards.console.session import TOKEN_MIN
from models.catalogue.catalogued import Catalogued
from models.registry.folder import Registry
from store.port import Reader
from wire.config import DeviceRule, Procedure
from wire.ports import Inbox, Intake, Waiting

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


class Console:
    """The API and the page of one site over injected ports.

    The page lives in NiceGUI's one app of the process: only one Console with `page=True` may serve at a time, another
    may follow when it has stopped. Consoles with `page=False` (the API alone) are as many as you like.
    Raises ConsoleError for an address other than loopback without a token of at least 16 characters.
    """

    def __init__(
        self,
        reader: Reader,
        inbox: Inbox,
        *,
        listen: str = "127.0.0.1:8765",
        token: str | None = None,
        site: str = "site",
        status: Status = BoxStatus,
        rule_of: Callable[[str], DeviceRule] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        models: Registry | None = None,
        catalogue: Catalogued | None = None,
        procedure_of: Callable[[str], Procedure] | None = None,
        intake: Intake | None = None,
        waiting: Waiting | None = None,
        page: bool = True,
        on_ready: Callable[[str], None] | None = None,
    ) -> None:
        """Check the arguments; nothing is opened."""
        self._host, self._port = _split(listen)
        if token is not None and len(token) < TOKEN_MIN:
            msg = f"TOCSIN_TOKEN has {len(token)} characters, at least {TOKEN_MIN} are needed; `openssl rand -hex 16`"
            raise ConsoleError(msg)
        if token is None and self._host not in {"127.0.0.1", "localhost", "::1"}:
            msg = f"console.listen = {listen!r} is open to others: set a token in TOCSIN_TOKEN, or use 127.0.0.1"
            raise ConsoleError(msg)
        rules = rule_of or (lambda name: DeviceRule(match=name))
        self._desk = Desk(
            reader,
            inbox,
            site=site,
            status=status,
            rule_of=rules,
            now_ns=now_ns,
            models=models,
            catalogue=catalogue,
            procedure_of=procedure_of or (lambda name: Procedure(match=name)),
            bench=Bench(intake, waiting) if intake is not None and waiting is not None else None,
        )
        self._token = token
        self._page = page
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
                "Stop it, or set another console.listen in tocsin.toml"
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
        from dashboards.console.serving import make_server  # noqa: PLC0415 -- loading it takes seconds; sensors first

        self._server = make_server(self._desk, token=self._token, page=self._page, ready=self._announce)
        if self._state is _State.RUNNING:
            self._server.run(sockets=[sock])

    def _announce(self) -> None:
        self._ready.set()
        if self._on_ready:
            self._on_ready(self.url)
