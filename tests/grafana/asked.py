"""Every query that Grafana would send, taken from the files it reads, with what the reader picked put in."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec
import yaml

from dashboards.grafana.files import files
from dashboards.grafana.shapes import Site

Json = dict[str, Any]
FILES = files(Site(page="https://tocsin.example.org"))
BOARDS: Mapping[str, Json] = {
    str(board["title"]): board for path, text in FILES.items() if path.endswith(".json") for board in [json.loads(text)]
}
ALERTING = cast("Json", yaml.safe_load(FILES["alerting/tocsin.yaml"]))
RULES: Mapping[str, Json] = {rule["title"]: rule for group in ALERTING["groups"] for rule in group["rules"]}
PICKED = {
    "site": "hall",
    "edge": "edge-1",
    "device": "pump-1",
    "channel": "temperature",
    "signals": "temperature|vibration",
}
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)")


class Asked(msgspec.Struct, frozen=True):
    """One query, and what it is for."""

    where: str
    text: str
    back_s: int = 3600
    panel: Json | None = None

    def at(self, now_ns: int) -> str:
        """The query as it is sent at a time."""
        now_ms = now_ns // 10**6
        span = f"time >= {now_ms - self.back_s * 1000}ms AND time <= {now_ms}ms"
        said = {**PICKED, "timeFilter": span, "__interval": "10s"}
        return _VARIABLE.sub(lambda found: said[found[1] or found[2]], self.text)


def panels() -> Iterator[Asked]:
    for title, board in BOARDS.items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                yield Asked(f"{title}: {panel['title']}: {target['refId']}", target["query"], panel=panel)


def rules() -> Iterator[Asked]:
    for title, rule in RULES.items():
        first = rule["data"][0]
        yield Asked(f"rule {title}", first["model"]["query"], back_s=first["relativeTimeRange"]["from"])


def notes() -> Iterator[Asked]:
    for title, board in BOARDS.items():
        for note in board["annotations"]["list"]:
            assert note["query"] == note["target"]["query"]
            yield Asked(f"{title}: annotation {note['name']}", note["query"], panel=note)


def variables() -> Iterator[Asked]:
    for title, board in BOARDS.items():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield Asked(f"{title}: variable {variable['name']}", variable["query"], panel=variable)


ALL = [*panels(), *rules(), *notes(), *variables()]
