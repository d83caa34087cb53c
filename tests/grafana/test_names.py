"""Dashboards and rules ask for nothing that the store does not write."""

import re

import pytest

from dashboards.grafana.models import MODELS
from store.influx.table import CONTRIBUTION, MEASUREMENTS
from tests.grafana.asked import ALL, RULES, Asked

SIGNALS = "(${signals:raw})"
PATTERNS = {"readings": f"^{SIGNALS}$", "scores": f"^{CONTRIBUTION}{SIGNALS}$"}
QUOTED = re.compile(r'"([^"]+)"')


def strangers(text: str) -> set[str]:
    """Names in a query that are no measurement, tag, field or name of a column of its own."""
    (measurement,) = (MEASUREMENTS[name] for name in re.findall(r'FROM "([^"]+)"', text))
    known = {measurement.name, *measurement.tags, *measurement.fields, *measurement.texts}
    own = set(re.findall(r'AS "([^"]+)"', text))
    strange = set(QUOTED.findall(text)) - known - own
    for group in re.findall(r"GROUP BY ([^)]+)", text):
        strange |= set(QUOTED.findall(group)) - set(measurement.tags)
    if key := re.search(r'WITH KEY = "([^"]+)"', text):
        strange |= {key[1]} - set(measurement.tags)
    for pattern in re.findall(r"\(/([^/]+)/\)", text):
        strange |= set() if pattern == PATTERNS.get(measurement.name) else {pattern}
    return {name for name in strange if not (measurement.channels and name.startswith("${"))}


@pytest.mark.parametrize("asked", ALL, ids=lambda asked: asked.where)
def test_a_query_names_only_what_the_store_writes(asked: Asked) -> None:
    assert strangers(asked.text) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('SELECT last("lagg") FROM "pipeline" WHERE $timeFilter', {"lagg"}),
        ('SELECT last("lag") AS "lagg" FROM "pipeline" GROUP BY "instance", "lag"', {"lag"}),
        ('SELECT "x" FROM (SELECT last("lag") AS "x" FROM "pipeline" WHERE "rule" = 1)', {"rule"}),
        ('SHOW TAG VALUES FROM "pipeline" WITH KEY = "lag"', {"lag"}),
        ('SELECT mean(/^d_/) FROM "scores"', {"^d_"}),
        ('SELECT mean("${channel:raw}") FROM "pipeline"', {"${channel:raw}"}),
        ('SELECT mean("${channel:raw}") FROM "readings"', set()),
    ],
)
def test_the_reader_of_queries_finds_wrong_names(text: str, found: set[str]) -> None:
    assert strangers(text) == found


@pytest.mark.parametrize("title", RULES)
def test_a_rule_speaks_only_of_labels_that_its_query_gives(title: str) -> None:
    rule = RULES[title]
    given = set(QUOTED.findall(rule["data"][0]["model"]["query"].rpartition("GROUP BY ")[2]))
    named = {name for text in rule["annotations"].values() for name in re.findall(r"\.Labels\.(\w+)", text)}
    assert named - given == set()


@pytest.mark.parametrize("asked", ALL, ids=lambda asked: asked.where)
def test_a_picked_name_is_put_into_a_pattern_with_its_signs_escaped(asked: Asked) -> None:
    patterns = re.findall(r"=~ /([^/]+)/", asked.text)
    assert not [name for each in patterns for name in re.findall(r"\$\w+|\$\{\w+\}", each)]


def test_what_a_stop_saves_is_told_with_the_model_and_version_that_called_it() -> None:
    (runs,) = [panel for panel in MODELS.panels if panel.title == "Test runs"]
    assert {"saved_s", "model", "model_version"} <= {column.name for column in runs.columns}
