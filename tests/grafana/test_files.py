"""What Grafana needs of the files, and the traps that it accepts without a word."""

import json
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from dashboards.grafana.files import files
from dashboards.grafana.shapes import Site
from tests.grafana.asked import ALERTING, BOARDS, FILES, RULES, Asked, Json, notes
from wire.messages import Priority

BY_UID = {board["uid"]: board for board in BOARDS.values()}
NAMED = {"datasource", "datasources"}


def texts(node: object) -> Iterator[tuple[str, str]]:
    """Every text in a tree, with the key it stands under."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [(str(key), value)] if isinstance(value, str) else texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from [("", value)] if isinstance(value, str) else texts(value)


def sources(node: object) -> Iterator[str]:
    """The UIDs of all data sources that are named in a tree."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "datasource":
                yield value["uid"]
            elif key == "datasourceUid":
                yield value
            else:
                yield from sources(value)
    elif isinstance(node, list):
        for value in node:
            yield from sources(value)


def test_uids_ids_and_titles_are_there_once() -> None:
    assert len(BY_UID) == len(BOARDS) == 4
    uids = [rule["uid"] for rule in RULES.values()]
    assert len(set(uids)) == len(uids) == len([rule for group in ALERTING["groups"] for rule in group["rules"]])
    assert all(len(uid) <= 40 and re.fullmatch(r"[a-z0-9-]+", uid) for uid in (*uids, *BY_UID))
    for board in BOARDS.values():
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        assert all(len({target["refId"] for target in p["targets"]}) == len(p["targets"]) for p in board["panels"])


def test_no_dashboard_and_no_other_folder_has_the_title_of_a_folder() -> None:
    (provider,) = yaml.safe_load(FILES["dashboards/tocsin.yaml"])["providers"]
    assert provider["folder"] not in BOARDS
    assert {group["folder"] for group in ALERTING["groups"]}.isdisjoint({provider["folder"], *BOARDS})
    folder = provider["options"]["path"].removeprefix("/etc/grafana/provisioning/")
    assert {path.rpartition("/")[0] for path in FILES if path.endswith(".json")} == {folder}


def test_all_asks_the_one_data_source_by_its_uid() -> None:
    (source,) = yaml.safe_load(FILES["datasources/tocsin.yaml"])["datasources"]
    named = {uid for tree in (*BOARDS.values(), ALERTING) for uid in sources(tree)}
    assert named == {source["uid"], "__expr__"}


@pytest.mark.parametrize("path", ["datasources/tocsin.yaml", "examples/influxdb-1.yaml"])
def test_a_data_source_names_the_database_where_old_and_new_versions_look(path: str) -> None:
    text = files(Site(influx="http://db:8086", database="plant"))[path]
    (source,) = yaml.safe_load(text)["datasources"]
    assert (source["url"], source["database"], source["jsonData"]["dbName"]) == ("http://db:8086", "plant", "plant")
    assert source["uid"] == "tocsin-influxdb"


def test_the_token_of_influxdb_2_goes_into_a_header_of_its_own_scheme() -> None:
    (source,) = yaml.safe_load(FILES["datasources/tocsin.yaml"])["datasources"]
    assert source["jsonData"]["httpHeaderName1"] == "Authorization"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token $TOCSIN_INFLUX_TOKEN"}


@pytest.mark.parametrize("group", ALERTING["groups"], ids=lambda group: group["name"])
def test_a_group_is_judged_in_multiples_of_ten_seconds(group: Json) -> None:
    every_s = int(group["interval"].removesuffix("s"))
    assert every_s % 10 == 0 < every_s
    assert all(int(rule["for"].rstrip("sm")) >= 0 for rule in group["rules"])


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule["title"])
def test_a_rule_reduces_before_its_condition_and_has_a_way_back(rule: Json) -> None:
    query, reduced, condition = (step["model"] for step in rule["data"])
    assert [step["refId"] for step in rule["data"]] == [step["model"]["refId"] for step in rule["data"]]
    assert query["rawQuery"]
    assert rule["data"][0]["relativeTimeRange"]["from"] > 0 == rule["data"][0]["relativeTimeRange"]["to"]
    assert (reduced["type"], reduced["expression"]) == ("reduce", query["refId"])
    assert (condition["type"], condition["expression"]) == ("threshold", reduced["refId"])
    assert rule["condition"] == condition["refId"]
    (judged,) = condition["conditions"]
    assert {judged["evaluator"]["type"], judged["unloadEvaluator"]["type"]} == {"gt", "lt"}
    assert "noDataState" in rule


def test_the_lag_must_fall_well_below_its_limit_before_it_is_over() -> None:
    (judged,) = RULES["Pipeline lags"]["data"][2]["model"]["conditions"]
    assert judged["unloadEvaluator"]["params"][0] <= judged["evaluator"]["params"][0] / 2


def test_no_rule_but_that_of_the_sink_rings_for_missing_data() -> None:
    assert {title for title, rule in RULES.items() if rule["noDataState"] != "OK"} == {"Nothing is stored"}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule["title"])
def test_a_rule_says_what_where_why_and_what_to_do_with_links_that_lead_somewhere(rule: Json) -> None:
    notes = rule["annotations"]
    assert all(notes[name].strip() for name in ("summary", "device", "cause", "response"))
    assert notes["page"] == notes["runbook_url"]
    assert notes["page"].startswith("https://tocsin.example.org/")
    board = BY_UID[notes["__dashboardUid__"]]
    assert int(notes["__panelId__"]) in {panel["id"] for panel in board["panels"]}
    assert rule["labels"]["app"] == "tocsin"


def test_each_priority_has_exactly_one_rule() -> None:
    queries = [rule["data"][0]["model"]["query"] for title, rule in RULES.items() if title.startswith("Alarm of")]
    named = [name for query in queries for name in re.findall(r"\"priority\" = '(\w+)'", query)]
    assert sorted(named) == sorted(Priority)


def test_a_dollar_stands_only_where_grafana_puts_nothing_in_its_place() -> None:
    assert {key for key, text in texts(ALERTING) if "$" in text} == {"query"}
    allowed = re.compile(r"\$(timeFilter|__interval)\b")
    assert not any("$" in allowed.sub("", text) for _, text in texts(ALERTING))
    notifications = yaml.safe_load(FILES["examples/notifications.yaml"])
    assert not any("$" in text for _, text in texts(notifications))


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["title"])
def test_variables_that_are_used_exist_and_links_between_dashboards_hand_on_what_the_other_knows(board: Json) -> None:
    names = {variable["name"] for variable in board["templating"]["list"]}
    used = {
        name
        for key, text in texts(board)
        for name in re.findall(r"\$\{?([A-Za-z]\w*)", text)
        if key not in {"renamePattern", "alias", "definition"}
    }
    assert used - names - {"timeFilter"} == set()
    for key, text in texts(board):
        if key == "url" and text.startswith("/d/"):
            other = BY_UID[urlsplit(text).path.split("/")[2]]
            handed = {name.removeprefix("var-") for name in parse_qs(urlsplit(text).query) if name.startswith("var-")}
            assert handed <= {variable["name"] for variable in other["templating"]["list"]}


@pytest.mark.parametrize("asked", list(notes()), ids=lambda asked: asked.where)
def test_a_mark_shows_its_text_and_tags_whichever_version_names_the_columns(asked: Asked) -> None:
    assert asked.panel is not None
    target = asked.panel["target"]
    columns = re.findall(r'"(\w+)"', asked.text.partition(" FROM ")[0])
    (measurement,) = re.findall(r'FROM "(\w+)"', asked.text)
    tags = target["tagsColumn"].split(",")
    assert sorted([target["textColumn"], *tags]) == sorted(columns)
    for column in columns:  # from Grafana 10 on "alarms.state" is a tag because "state" is in it
        inside = [name for name in (target["textColumn"], *tags) if name in f"{measurement}.{column}"]
        assert inside == [column]
    assert asked.panel["mappings"] == {"title": {"source": "skip"}, "timeEnd": {"source": "skip"}}


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["title"])
def test_a_variable_holds_no_null_which_newer_schemas_do_not_know(board: Json) -> None:
    assert None not in [value for variable in board["templating"]["list"] for value in variable.values()]


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board["title"])
def test_panels_lie_beside_each_other_inside_the_grid(board: Json) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_example_of_notifications_routes_by_labels_that_rules_have() -> None:
    told = yaml.safe_load(FILES["examples/notifications.yaml"])
    points = {point["name"] for point in told["contactPoints"]}
    (policy,) = told["policies"]
    given = {name for rule in RULES.values() for name in rule["labels"]} | {"alertname", "site", "device", "priority"}
    for route in (policy, *policy["routes"]):
        assert route["receiver"] in points
        assert set(route["group_by"]) | {match[0] for match in route.get("object_matchers", [])} <= given


def test_the_same_site_gives_the_same_files() -> None:
    assert files(Site(page="https://tocsin.example.org")) == FILES
    assert all(json.loads(text) for path, text in FILES.items() if path.endswith(".json"))
