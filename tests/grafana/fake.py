"""A Grafana of a few lines: versions, roles, provenance, secrets that are never told, own additions."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
TOKENS = {"admins": True, "viewers": False}
SECRET = "Token right"


class Grafana(ThreadingHTTPServer):
    """What it holds, by UID; `writes` is every request that changed something."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.boards: dict[str, Json] = {}
        self.metas: dict[str, Json] = {}
        self.rules: dict[str, Json] = {}
        self.paces: dict[str, int] = {}
        self.sources: dict[str, Json] = {}
        self.secrets: dict[str, str] = {}
        self.folders: dict[str, Json] = {}
        self.writes: list[str] = []
        self.adds: Json = {}  # to every dashboard, as newer versions do
        self.stale = 0  # how often a changed data source still is what it was
        self.locks = False  # new rules are the API's alone, as in 9.3
        self.broken = 0  # a status that all is answered with
        self.new = False  # words and statuses as in 13, else as in 9

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, path: str, body: Json, *, disowned: bool) -> tuple[int, Json]:  # noqa: C901, PLR0911 -- a table
        kind, *names = path.removeprefix("/api/").removeprefix("v1/provisioning/").split("/")
        if method != "GET":
            self.writes.append(f"{method} {path}")
        match method, kind, *names:
            case "GET", "folders", uid:
                return _found(self.folders.get(uid))
            case "POST", "folders" if body["title"] in {each["title"] for each in self.folders.values()}:
                return 409, {"message": "a folder with the same name already exists"}
            case "POST", "folders":
                self.folders[body["uid"]] = body
                return 200, body
            case "GET", "dashboards", "uid", uid:
                board = self.boards.get(uid)
                return _found(board and {"dashboard": board, "meta": self.metas[uid]})
            case "POST", "dashboards", "db":
                return self._board(body)
            case "GET", "alert-rules", uid:
                absent: tuple[int, Json] = (404, {}) if self.new else (500, {"message": "could not find alert rule"})
                return _found(self.rules[uid]) if uid in self.rules else absent
            case ("POST", "alert-rules") | ("PUT", "alert-rules", _):
                return self._rule(body, disowned=disowned)
            case _, "folder", _, "rule-groups", name:
                return self._group(method, name, body)
            case "GET", "datasources", "uid", uid, "health":
                self.stale = max(self.stale - 1, 0)
                right = self.secrets.get(uid) == SECRET and not self.stale
                return (
                    (200, {"status": "OK"}) if right else (400, {"status": "ERROR", "message": "unauthorized access"})
                )
            case "GET", "datasources", "uid", uid:
                return _found(self.sources.get(uid))
            case ("POST", "datasources") | ("PUT", "datasources", "uid", _):
                return self._source(body)
        return 404, {"message": "Not found"}

    def _board(self, body: Json) -> tuple[int, Json]:
        board = {**self.adds, **body["dashboard"]}
        there = self.boards.get(board["uid"])
        if there and self.metas[board["uid"]].get("provisioned"):
            return 400, {"message": "Cannot save provisioned dashboard"}
        if there and there["version"] != board.get("version") and self.new:
            return 409, {"message": "Dashboard already exists. Use overwrite flag to update."}
        if there and there["version"] != board.get("version"):
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        self.boards[board["uid"]] = board | {"id": 7, "version": there["version"] + 1 if there else 1}
        self.metas[board["uid"]] = {"folderUid": body.get("folderUid", ""), "provisioned": False}
        return 200, {"status": "success"}

    def _rule(self, body: Json, *, disowned: bool) -> tuple[int, Json]:
        before = self.rules.get(body["uid"], {}).get("provenance")
        if before == "file" or (before == "api" and disowned):
            return 500, {"message": f"cannot change provenance from '{before}'"}
        disowned = disowned and not (self.locks and before is None)
        self.rules[body["uid"]] = body | {"id": 9, "provenance": "" if disowned else "api", "updated": "now"}
        self.paces.setdefault(body["ruleGroup"], 60)
        return 201, body

    def _group(self, method: str, name: str, body: Json) -> tuple[int, Json]:
        if method == "PUT":
            self.paces[name] = body["interval"]
        rules = [rule for rule in self.rules.values() if rule["ruleGroup"] == name]
        return _found({"title": name, "interval": self.paces[name], "rules": rules} if rules else None)

    def _source(self, body: Json) -> tuple[int, Json]:
        if secret := body.pop("secureJsonData", {}):
            self.secrets[body["uid"]] = secret["httpHeaderValue1"]
        self.stale = 3 if body["uid"] in self.sources else 0
        self.sources[body["uid"]] = body | {"id": 3, "orgId": 1, "readOnly": False}
        return 200, {"message": "ok"}


def _found(thing: Json | None) -> tuple[int, Json]:
    return (200, deepcopy(thing)) if thing else (404, {"message": "not found"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def _handle(self) -> None:
        grafana = self.server
        assert isinstance(grafana, Grafana)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if grafana.broken:
            status, said = grafana.broken, {"message": "by order"}
        elif self.path == "/api/health":
            status, said = 200, {"database": "ok", "version": "13.3.0"}
        elif token not in TOKENS:
            status, said = 401, {"message": "Invalid API key"}
        elif self.command != "GET" and not TOKENS[token]:
            status, said = 403, {"message": "You'll need additional permissions"}
        else:
            disowned = self.headers.get("X-Disable-Provenance") == "true"
            status, said = grafana.answer(self.command, self.path, body, disowned=disowned)
        content = json.dumps(said).encode() if said else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the base class
        """Say nothing of every request."""


@contextmanager
def fake_grafana() -> Iterator[Grafana]:
    grafana = Grafana()
    threading.Thread(target=grafana.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield grafana
    finally:
        grafana.shutdown()
        grafana.server_close()
