"""How a role of the fleet is doing, over HTTP: /metrics, /healthz and /readyz; knows no role."""

import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class Vital(msgspec.Struct, frozen=True):
    """What a role says of itself: `trouble` is why it is not ready; `dead` why it should be started anew."""

    figures: Mapping[str, float] = {}
    trouble: str = ""
    dead: str = ""


Probe = Callable[[], Vital]


class VitalsError(Exception):
    """The address cannot be served; the message says why and what to do."""


class Vitals(Collector):
    """Serves the vitals of a role until it is left. Raises VitalsError."""

    def __init__(self, listen: str, *, role: str, probe: Probe) -> None:
        host, _, port = listen.rpartition(":")
        if not host or not port.isdecimal():
            msg = f'expected an address such as "127.0.0.1:9101", got "{listen}"'
            raise VitalsError(msg)
        self._address = (host.strip("[]"), int(port))
        self._role = role
        self._probe = probe
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it is served."""
        assert self._server is not None
        return f"http://{self._address[0]}:{self._server.server_port}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        try:
            self._server = ThreadingHTTPServer(self._address, _handler(self._probe, self._registry()))
        except OSError as error:
            host, port = self._address
            msg = f"{host}:{port} cannot be served ({error.strerror}): name another with --vitals, or none with ''"
            raise VitalsError(msg) from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="vitals", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def collect(self) -> Iterator[Metric]:
        """The figures of the role as gauges, `tocsin_ROLE_NAME`."""
        vital = self._probe()
        for name, value in {**vital.figures, "ready": float(not (vital.trouble or vital.dead))}.items():
            yield GaugeMetricFamily(f"tocsin_{self._role}_{name}", name.replace("_", " "), value=value)

    def _registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        registry.register(self)
        return registry


def _handler(probe: Probe, registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                return
            vital = probe()
            said = {"/healthz": vital.dead, "/readyz": vital.dead or vital.trouble}
            if self.path in said:
                why = said[self.path]
                self._answer(503 if why else 200, f"{why or 'ok'}\n".encode(), "text/plain; charset=utf-8")
            else:
                self._answer(404, b"there are /metrics, /healthz and /readyz\n", "text/plain; charset=utf-8")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the base class
            """Say nothing of every look."""

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
