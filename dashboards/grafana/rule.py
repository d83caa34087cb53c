"""An alert rule as a row of data, as the file and as the HTTP API of Grafana take it.

Nothing here may hold a `$` but the query: files put the environment in its place. Hence `.Labels`, not `$labels`.
"""

import msgspec

from dashboards.grafana.shapes import DATA_SOURCE, EXPRESSION, RULES, RULES_TITLE, Object, data_source

STEP_MS, POINTS = 10_000, 43_200
QUERY, REDUCED, CONDITION = "A", "B", "C"
OPPOSITE = {"gt": "lt", "lt": "gt"}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: rings when the newest value of a series is on the wrong side of `limit`, until it is past `over`.

    Grafana 10.3 and later know `over`, older ones take `limit` for both. `path` is on Tocsin's page, a template.
    `missing` is what no data at all means: "OK" where series may vanish, "Alerting" where that is the alarm.
    """

    uid: str
    title: str
    query: str
    back_s: int  # the query's stretch of time
    limit: float
    over: float
    side: str = "gt"
    wait: str = "0s"
    reducer: str = "last"
    missing: str = "OK"
    summary: str
    device: str
    cause: str
    response: str
    path: str
    board: str
    panel: int
    kind: str  # a label to route by: alarm | liveness | pipeline

    def as_json(self, page: str) -> Object:
        """What the file and the API have in common."""
        return {
            "uid": self.uid,
            "title": self.title,
            "condition": CONDITION,
            "data": [self._asked(), self._reduced(), self._judged()],
            "noDataState": self.missing,
            "execErrState": "Error",
            "for": self.wait,
            "annotations": {
                "summary": self.summary,
                "device": self.device,
                "cause": self.cause,
                "response": self.response,
                "page": page + self.path,
                "runbook_url": page + self.path,  # Grafana shows this one as a button
                "__dashboardUid__": self.board,
                "__panelId__": str(self.panel),
            },
            "labels": {"app": "tocsin", "kind": self.kind},
        }

    def _asked(self) -> Object:
        model: Object = {
            "refId": QUERY,
            "datasource": data_source(),
            "query": self.query,
            "rawQuery": True,
            "resultFormat": "time_series",
            "intervalMs": STEP_MS,
            "maxDataPoints": POINTS,
        }
        return _step(QUERY, DATA_SOURCE, self.back_s, model)

    def _reduced(self) -> Object:
        settings = {"mode": "dropNN"}
        kind: Object = {"type": "reduce", "expression": QUERY, "reducer": self.reducer, "settings": settings}
        return _step(REDUCED, EXPRESSION, self.back_s, _expression(REDUCED) | kind)

    def _judged(self) -> Object:
        condition: Object = {
            "type": "query",
            "evaluator": {"type": self.side, "params": [self.limit]},
            "unloadEvaluator": {"type": OPPOSITE[self.side], "params": [self.over]},
            "operator": {"type": "and"},
            "query": {"params": [CONDITION]},
            "reducer": {"type": "last", "params": []},
        }
        kind: Object = {"type": "threshold", "expression": REDUCED, "conditions": [condition]}
        return _step(CONDITION, EXPRESSION, self.back_s, _expression(CONDITION) | kind)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that are judged together. `every_s` is a multiple of 10, or Grafana refuses to start."""

    name: str
    every_s: int
    rules: tuple[Rule, ...]

    def as_file(self, page: str) -> Object:
        """The group as a provisioning file has it."""
        return {
            "orgId": 1,
            "name": self.name,
            "folder": RULES_TITLE,
            "interval": f"{self.every_s}s",
            "rules": [rule.as_json(page) for rule in self.rules],
        }

    def as_api(self, page: str) -> list[Object]:
        """The rules as the HTTP API takes them, one by one."""
        place: Object = {"folderUID": RULES, "ruleGroup": self.name, "orgID": 1, "isPaused": False}
        return [rule.as_json(page) | place for rule in self.rules]


def _expression(name: str) -> Object:
    return {
        "refId": name,
        "datasource": {"type": EXPRESSION, "uid": EXPRESSION},
        "intervalMs": STEP_MS,
        "maxDataPoints": POINTS,
    }


def _step(name: str, source: str, back_s: int, model: Object) -> Object:
    span = {"from": back_s, "to": 0}
    return {"refId": name, "queryType": "", "relativeTimeRange": span, "datasourceUid": source, "model": model}
