"""A real InfluxDB 1.6 behind a proxy that gives it the write endpoint of InfluxDB 2, a token, and faults on demand."""

import http.client
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.servers.ports import free_port, listens, until

INFLUXD = shutil.which("influxd") or ""
TOKEN = "secret-token"
CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{backup}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
cache-snapshot-write-cold-duration = "15s"
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
[monitor]
store-enabled = false
[subscriber]
enabled = false
[continuous_queries]
enabled = false
"""


class Faults:
    """What the proxy answers instead of asking InfluxDB: `status` for the next `count` writes, -1 until told."""

    def __init__(self) -> None:
        self.status, self.count, self.retry_after = 0, 0, ""
        self.writes = 0  # that came, answered with a fault or not
        self._lock = threading.Lock()

    def set(self, status: int, *, count: int = -1, retry_after: str = "") -> None:
        with self._lock:
            self.status, self.count, self.retry_after = status, count, retry_after

    def clear(self) -> None:
        self.set(0, count=0)

    def take(self) -> int:
        """The fault for this write, 0 for none."""
        with self._lock:
            self.writes += 1
            if not self.count:
                return 0
            self.count -= self.count > 0
            return self.status


class Influx:
    """One InfluxDB whose port and data stay the same when it, or its proxy, is started again."""

    def __init__(self, folder: Path) -> None:
        self.port, self.direct = free_port(), free_port()
        self.faults = Faults()
        self.token = TOKEN
        self.version = ""  # "v2.7.1": have the endpoints of InfluxDB 2 that buckets are made with
        self.buckets: list[dict[str, object]] = []
        self.mappings: list[dict[str, object]] = []
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.proxy: Proxy | None = None

    def url(self, database: str, options: str = "?org=acme") -> str:
        return f"influxdb://127.0.0.1:{self.port}/{database}{options}"

    @property
    def environ(self) -> dict[str, str]:
        return {"TOCSIN_INFLUX_TOKEN": self.token}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "influxdb.conf"
        config.write_text(CONFIG.format(folder=self._folder, port=self.direct, backup=free_port()))
        with (self._folder / "influxd.log").open("ab") as out:
            self._process = subprocess.Popen([INFLUXD, "run", "-config", str(config)], stdout=out, stderr=out)
        until(lambda: listens(self.direct), what=f"InfluxDB on {self.direct}", within_s=60)

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(20)

    def appear(self) -> None:
        """Answer on the port again."""
        self.proxy = Proxy(self)
        threading.Thread(target=self.proxy.serve_forever, args=(0.05,), daemon=True).start()

    def vanish(self) -> None:
        """Refuse connections."""
        proxy, self.proxy = self.proxy, None
        if proxy is not None:
            proxy.shutdown()
            proxy.server_close()


class Proxy(ThreadingHTTPServer):
    """Stands before one InfluxDB."""

    daemon_threads = True

    def __init__(self, influx: Influx) -> None:
        self.influx = influx
        super().__init__(("127.0.0.1", influx.port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _influx(self) -> Influx:
        assert isinstance(self.server, Proxy)
        return self.server.influx

    def do_GET(self) -> None:
        if self._influx.proxy is None:  # a connection that outlived the server it was made to
            self.close_connection = True
            return
        where = urlsplit(self.path)
        if where.path in {"/ping", "/health"}:
            self._pass(self.path)
        elif self._may():
            if self._influx.version and where.path.startswith("/api/v2/"):
                self._look(where.path, {name: values[0] for name, values in parse_qs(where.query).items()})
            else:
                self._pass(self.path)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._influx.proxy is None:  # a connection that outlived the server it was made to
            self.close_connection = True
            return
        where = urlsplit(self.path)
        if where.path != "/api/v2/write":
            if self._may():
                if self._influx.version and where.path.startswith("/api/v2/"):
                    self._make(where.path, json.loads(body))
                else:
                    self._pass(self.path, body)
            return
        if status := self._influx.faults.take():
            self._answer(status, b'{"code":"unavailable","message":"by order"}', self._influx.faults.retry_after)
            return
        if not self._may():
            return
        asked = {name: values[0] for name, values in parse_qs(where.query).items()}
        database, _, policy = asked["bucket"].partition("/")
        wanted = {"db": database, "precision": asked.get("precision", "ns")} | ({"rp": policy} if policy else {})
        self._pass(f"/write?{urlencode(wanted)}", body)

    def _look(self, path: str, asked: dict[str, str]) -> None:
        found: dict[str, object] = {
            "/api/v2/orgs": {"orgs": [{"id": "1", "name": "acme"}]},
            "/api/v2/buckets": {
                "buckets": [each for each in self._influx.buckets if each["name"] == asked.get("name")]
            },
            "/api/v2/dbrps": {
                "content": [each for each in self._influx.mappings if each["database"] == asked.get("db")]
            },
        }
        if path == "/api/v2/orgs" and asked["org"] != "acme":
            self._answer(404, b'{"code":"not found","message":"organization name not found"}')
        else:
            self._answer(200, json.dumps(found[path]).encode())

    def _make(self, path: str, body: dict[str, object]) -> None:
        made = body | {"id": f"b{len(self._influx.buckets)}"}
        (self._influx.buckets if path == "/api/v2/buckets" else self._influx.mappings).append(made)
        self._answer(201, json.dumps(made).encode())

    def _may(self) -> bool:
        if self.headers.get("Authorization") == f"Token {self._influx.token}":
            return True
        self._answer(401, b'{"code":"unauthorized","message":"unauthorized access"}')
        return False

    def _pass(self, path: str, body: bytes | None = None) -> None:
        kept = {name: self.headers[name] for name in ("Content-Encoding", "Content-Type") if name in self.headers}
        there = http.client.HTTPConnection("127.0.0.1", self._influx.direct, timeout=60)
        try:
            there.request(self.command, path, body, kept)
            answer = there.getresponse()
            said = answer.read()
        except OSError as error:
            self._answer(503, f'{{"message":"{error}"}}'.encode())
            return
        finally:
            there.close()
        self._answer(answer.status, said, version=self._influx.version or answer.headers.get("X-Influxdb-Version", ""))

    def _answer(self, status: int, body: bytes, retry_after: str = "", *, version: str = "") -> None:
        self.send_response(status)
        for name, value in {"Retry-After": retry_after, "X-Influxdb-Version": version}.items():
            if value:
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the base class
        """Say nothing of every request."""


@contextmanager
def influx(folder: Path) -> Iterator[Influx]:
    """Run an InfluxDB; skip where there is none, except in CI."""
    if not INFLUXD:
        why = "no InfluxDB: needs influxd (apt-get install influxdb)"
        assert os.environ.get("CI") != "true", why
        pytest.skip(why)
    server = Influx(folder)
    try:
        server.start()
        server.appear()
        yield server
    finally:
        server.vanish()
        server.kill()
