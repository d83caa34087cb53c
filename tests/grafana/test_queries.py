"""Every query of every panel, rule, annotation and variable, asked of a real InfluxDB that holds a small plant."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from store.influx.address import parse
from store.influx.client import InfluxClient, Series, Value
from tests.grafana.asked import RULES, Asked, notes, panels, rules, variables
from tests.grafana.plant import lines
from tests.servers.influx import influx

pytestmark = pytest.mark.server
SILENT = {"site": "hall", "edge": "edge-1", "device": "fan"}
NOW_NS = time.time_ns()
CALCULATED = re.compile(r" \((?:count|mean|max|distinctCount)\)$")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxClient]:
    with (
        influx(tmp_path_factory.mktemp("influx")) as server,
        InfluxClient(parse(server.url("plant"), server.environ)) as there,
    ):
        there.execute('CREATE DATABASE "plant"')
        there.write(lines(NOW_NS))
        yield there


def answer(client: InfluxClient, asked: Asked) -> list[Series]:
    """The series that hold anything."""
    found = client.query(asked.at(NOW_NS))
    return [each for each in found if any(value is not None for row in each.values for value in row[1:])]


def shown(panel: dict[str, Any], target: dict[str, Any], found: list[Series]) -> set[str]:
    """The names of the fields that Grafana makes of an answer, after the panel's steps."""
    names = {column for each in found for column in each.columns if column != "time"}
    if target["resultFormat"] == "table":
        return names | {tag for each in found for tag in each.tags} | {"Time"}
    alias = target["alias"]
    told = {
        re.sub(r"\$tag_(\w+)", lambda tag, each=each: each.tags[tag[1]], alias).replace("$col", column)  # type: ignore[misc]
        for each in found
        for column in each.columns
        if column != "time"
    }
    for step in panel["transformations"]:
        if step["id"] == "renameByRegex":
            pattern, new = step["options"]["regex"], step["options"]["renamePattern"].replace("$1", r"\1")
            told = {re.sub(pattern, new, name) for name in told}
    return told


@pytest.mark.parametrize("asked", [*panels(), *rules(), *notes()], ids=lambda asked: asked.where)
def test_a_query_brings_data(client: InfluxClient, asked: Asked) -> None:
    assert answer(client, asked)


@pytest.mark.parametrize("panel", {id(each.panel): each.panel for each in panels()}.values(), ids=lambda p: p["title"])
def test_a_panel_styles_only_columns_that_it_has(client: InfluxClient, panel: dict[str, Any]) -> None:
    here = [each for each in panels() if each.panel == panel]
    names = set[str]()
    for target, asked in zip(panel["targets"], here, strict=True):
        names |= shown(panel, target, answer(client, asked))
    styled = {
        CALCULATED.sub("", each["matcher"]["options"])
        for each in panel["fieldConfig"]["overrides"]
        if each["matcher"]["id"] == "byName"
    }
    absent = {"L", "LL"}  # limits that this plant has none of
    assert styled - names - absent == set()
    if panel["type"] == "table":
        assert names - styled == {"Time"} - styled


def test_variables_offer_what_there_is(client: InfluxClient) -> None:
    offered: dict[str, set[Value]] = {}
    for asked in variables():
        assert asked.panel is not None
        values = {row[1] for each in client.query(asked.at(NOW_NS)) for row in each.values}
        if pattern := asked.panel["regex"]:
            values = {found[1] for each in values if (found := re.search(pattern.strip("/"), str(each)))}
        offered[asked.where] = values
    assert offered == {
        "Fleet overview: variable site": {"hall"},
        "Fleet overview: variable edge": {"edge-1"},
        "Device: variable site": {"hall"},
        "Device: variable edge": {"edge-1"},
        "Device: variable device": {"pump-1", "fan"},
        "Device: variable signals": {"temperature|vibration"},
        "Device: variable channel": {"temperature"},
        "Pipeline: variable site": {"hall"},
        "Models: variable site": {"hall"},
        "Models: variable edge": {"edge-1"},
        "Models: variable device": {"pump-1", "fan"},
    }


def ringing(client: InfluxClient, now_ns: int) -> dict[str, list[dict[str, str]]]:
    """The labels for which each rule rings, judged as Grafana does: the newest value against the limit."""
    told: dict[str, list[dict[str, str]]] = {}
    for asked in rules():
        title = asked.where.removeprefix("rule ")
        condition = RULES[title]["data"][2]["model"]["conditions"][0]["evaluator"]
        side = 1 if condition["type"] == "gt" else -1
        for each in client.query(asked.at(now_ns)):
            newest = [row[1] for row in each.values if row[1] is not None][-1]
            assert isinstance(newest, int | float)
            if side * (newest - condition["params"][0]) > 0:
                told.setdefault(title, []).append(dict(each.tags))
    return told


def test_when_no_sink_writes_any_more_that_rings_and_nothing_else_is_made_up(client: InfluxClient) -> None:
    told = ringing(client, NOW_NS + 20 * 60 * 10**9)
    assert told == {"Nothing is stored": [{"site": "hall"}], "Device silent": [SILENT]}


def test_every_rule_rings_for_what_is_wrong_and_for_nothing_else(client: InfluxClient) -> None:
    told = ringing(client, NOW_NS)
    pump = {"site": "hall", "edge": "edge-1", "device": "pump-1"}
    assert told == {
        "Alarm of priority critical": [pump | {"rule": "limit:temperature:HH", "priority": "critical"}],
        "Alarm of priority high": [pump | {"rule": "limit:temperature:H", "priority": "high"}],
        "Alarm of priority medium or low": [
            pump | {"rule": "clock", "priority": "low"},
            pump | {"rule": "anomaly", "priority": "medium"},
        ],
        "Device silent": [SILENT],
        "Edge silent": [
            {"site": "hall", "edge": "edge-1", "device": "", "rule": "edge-silent", "priority": "critical"}
        ],
        "Nothing is scored": [{"site": "hall"}],
        "Pipeline lags": [{"site": "hall", "role": "sink"}, {"site": "hall", "role": "stream"}],
        "Dead letters": [{"site": "hall", "source": "serial-1"}],
    }
