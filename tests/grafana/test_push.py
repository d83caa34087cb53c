"""Pushing to a Grafana that behaves: twice is as once, and what a person changed stays."""

from collections.abc import Iterator

import pytest

from dashboards.grafana.push import Done, Outcome, push
from dashboards.grafana.rules import GROUPS
from dashboards.grafana.server import (
    AddressError,
    AwayError,
    GrafanaError,
    RightsError,
    TokenError,
)
from dashboards.grafana.server import Grafana as Client
from dashboards.grafana.shapes import Site
from tests.grafana.fake import Grafana, fake_grafana
from tests.servers.ports import free_port

SITE = Site(page="http://tocsin:8765")
MOVED = Site(page="https://tocsin.example.org")
LAG = "alert rule Pipeline lags"


@pytest.fixture(params=[False, True], ids=["9", "13"])
def grafana(request: pytest.FixtureRequest) -> Iterator[Grafana]:
    with fake_grafana() as there:
        there.new = request.param
        yield there


def pushed(
    grafana: Grafana, *, site: Site = SITE, token: str = "right", force: bool = False
) -> dict[Done, dict[str, str]]:
    """What became of what."""
    told: dict[Done, dict[str, str]] = {}
    with Client(grafana.url, token="admins") as client:
        for outcome in push(client, site, token=token, force=force, wait=lambda _: None):
            told.setdefault(outcome.done, {})[outcome.what] = outcome.why
    return told


def test_the_first_push_makes_everything_and_the_second_writes_nothing(grafana: Grafana) -> None:
    assert set(pushed(grafana)) == {Done.MADE}
    assert (len(grafana.boards), len(grafana.sources), len(grafana.folders)) == (4, 1, 2)
    assert len(grafana.rules) == sum(len(group.rules) for group in GROUPS)
    assert {board["folderUid"] for board in grafana.metas.values()} == {"tocsin"}
    grafana.writes.clear()
    assert set(pushed(grafana)) == {Done.SAME}
    assert set(pushed(grafana, force=True)) == {Done.SAME}
    assert grafana.writes == []


def test_a_grafana_that_adds_to_what_it_is_given_is_not_taken_for_a_person(grafana: Grafana) -> None:
    grafana.adds = {"fiscalYearStartMonth": 0}
    pushed(grafana)
    grafana.writes.clear()
    assert set(pushed(grafana)) == {Done.SAME}
    assert grafana.writes == []
    assert Done.CHANGED in pushed(grafana, site=MOVED)
    assert set(pushed(grafana, site=MOVED)) == {Done.SAME}


def test_what_viewers_pick_is_no_change(grafana: Grafana) -> None:
    pushed(grafana)
    (site,) = [each for each in grafana.boards["tocsin-fleet"]["templating"]["list"] if each["name"] == "site"]
    site |= {"current": {"text": "hall", "value": "hall"}, "options": [{"text": "hall"}]}
    assert set(pushed(grafana)) == {Done.SAME}


def test_rules_are_left_to_people_and_not_locked(grafana: Grafana) -> None:
    pushed(grafana)
    assert {rule["provenance"] for rule in grafana.rules.values()} == {""}


def test_rules_that_an_old_version_locks_are_renewed_all_the_same(grafana: Grafana) -> None:
    grafana.locks = True
    pushed(grafana)
    assert {rule["provenance"] for rule in grafana.rules.values()} == {"api"}
    assert LAG in pushed(grafana, site=MOVED)[Done.CHANGED]
    assert set(pushed(grafana, site=MOVED)) == {Done.SAME}


def test_a_dashboard_that_a_person_changed_stays_until_forced(grafana: Grafana) -> None:
    pushed(grafana)
    grafana.boards["tocsin-fleet"]["panels"].pop()
    panels = len(grafana.boards["tocsin-fleet"]["panels"])
    assert pushed(grafana)[Done.KEPT] == {"dashboard Fleet overview": "somebody changed it in Grafana"}
    told = pushed(grafana, site=MOVED)
    assert list(told[Done.REFUSED]) == ["dashboard Fleet overview"]
    assert "--force" in told[Done.REFUSED]["dashboard Fleet overview"]
    assert "dashboard Device" in told[Done.CHANGED]
    assert len(grafana.boards["tocsin-fleet"]["panels"]) == panels
    assert pushed(grafana, site=MOVED, force=True)[Done.CHANGED] == {"dashboard Fleet overview": ""}
    assert len(grafana.boards["tocsin-fleet"]["panels"]) == panels + 1
    assert set(pushed(grafana, site=MOVED)) == {Done.SAME}


@pytest.mark.parametrize("change", [{"isPaused": True}, {"for": "10m"}, {"labels": {"team": "night"}}])
def test_a_rule_that_a_person_changed_stays(grafana: Grafana, change: dict[str, object]) -> None:
    pushed(grafana)
    grafana.rules["tocsin-lag"] |= change
    assert list(pushed(grafana)[Done.KEPT]) == [LAG]
    assert list(pushed(grafana, site=MOVED)[Done.REFUSED]) == [LAG]
    assert grafana.rules["tocsin-lag"].items() >= change.items()
    assert list(pushed(grafana, site=MOVED, force=True)[Done.CHANGED]) == [LAG]
    assert not grafana.rules["tocsin-lag"].items() >= change.items()


def test_a_data_source_that_a_person_pointed_elsewhere_stays(grafana: Grafana) -> None:
    pushed(grafana)
    grafana.sources["tocsin-influxdb"]["url"] = "http://proxy:8086"
    assert list(pushed(grafana)[Done.KEPT]) == ["data source Tocsin"]
    assert grafana.sources["tocsin-influxdb"]["url"] == "http://proxy:8086"


def test_what_is_there_under_our_name_and_is_not_ours_stays(grafana: Grafana) -> None:
    grafana.boards["tocsin-device"] = {"uid": "tocsin-device", "title": "Mine", "version": 3}
    grafana.metas["tocsin-device"] = {"folderUid": "mine"}
    assert pushed(grafana)[Done.REFUSED] == {
        "dashboard Device": "it is there and did not come from here; push with --force to write over it"
    }
    assert grafana.boards["tocsin-device"]["title"] == "Mine"


def test_what_comes_from_files_is_left_to_the_files_even_when_forced(grafana: Grafana) -> None:
    pushed(grafana)
    grafana.metas["tocsin-fleet"]["provisioned"] = True
    grafana.rules["tocsin-lag"]["provenance"] = "file"
    grafana.sources["tocsin-influxdb"]["readOnly"] = True
    grafana.folders["by chance"] = grafana.folders.pop("tocsin-rules")  # files name it by its title alone
    told = pushed(grafana, site=MOVED, force=True)[Done.REFUSED]
    assert "the same name already exists" in told.pop("folder Tocsin rules")
    assert set(told) == {"dashboard Fleet overview", LAG, "data source Tocsin"}
    assert all("change that file" in why for why in told.values())


def test_a_dashboard_that_was_moved_is_renewed_where_it_is(grafana: Grafana) -> None:
    pushed(grafana)
    grafana.metas["tocsin-fleet"]["folderUid"] = "favourites"
    assert "dashboard Fleet overview" in pushed(grafana, site=MOVED)[Done.CHANGED]
    assert grafana.metas["tocsin-fleet"]["folderUid"] == "favourites"


def test_how_often_rules_are_judged_is_set_once_and_then_left_to_people(grafana: Grafana) -> None:
    pushed(grafana)
    assert grafana.paces == {group.name: group.every_s for group in GROUPS}
    grafana.paces["tocsin-alarms"] = 60
    pushed(grafana, site=MOVED)
    assert grafana.paces["tocsin-alarms"] == 60


def test_a_change_between_reading_and_writing_is_not_written_over(grafana: Grafana) -> None:
    pushed(grafana)
    with Client(grafana.url, token="admins") as client:
        there = client.board("tocsin-fleet")
        assert there is not None
        grafana.boards["tocsin-fleet"]["version"] += 1
        with pytest.raises(GrafanaError, match=r"changed by someone else|already exists"):
            client.put_board(there.model, there)


def test_a_new_token_of_influxdb_is_brought_when_the_old_one_is_refused(grafana: Grafana) -> None:
    warned = pushed(grafana, token="old")[Done.WARNED]["data source Tocsin"]
    assert warned.startswith("Grafana cannot use it (unauthorized access): set TOCSIN_INFLUX_TOKEN")
    told = pushed(grafana)
    assert list(told[Done.CHANGED]) == ["data source Tocsin"]
    assert Done.WARNED not in told
    assert grafana.secrets == {"tocsin-influxdb": "Token right"}
    assert set(pushed(grafana, token="")) == {Done.SAME}
    assert grafana.secrets == {"tocsin-influxdb": "Token right"}


def outcomes(url: str, token: str) -> list[Outcome]:
    with Client(url, token=token) as client:
        client.version()
        return list(push(client, SITE))


@pytest.mark.parametrize(
    ("token", "error", "remedy"),
    [
        ("wrong", TokenError, "does not accept the token: make one under Administration"),
        ("", TokenError, "wants a token: make one"),
        ("viewers", RightsError, "may not make a folder .* give its service account the role Admin"),
    ],
)
def test_a_token_that_may_not_is_told_with_a_remedy(
    grafana: Grafana, token: str, error: type[GrafanaError], remedy: str
) -> None:
    with pytest.raises(error, match=remedy):
        outcomes(grafana.url, token)
    assert grafana.writes == []


def test_a_grafana_that_is_away_in_trouble_or_something_else_is_told_apart(grafana: Grafana) -> None:
    with pytest.raises(AwayError, match=r"does not answer \(Connection refused\): start it"):
        outcomes(f"http://127.0.0.1:{free_port()}", "admins")
    for status, remedy in ((503, "is in trouble .* look into its log"), (404, "is no Grafana: correct the address")):
        grafana.broken = status
        with pytest.raises(AwayError, match=remedy):
            outcomes(grafana.url, "admins")


@pytest.mark.parametrize("url", ["grafana:3000", "ftp://grafana", "http://", "http://admin:secret@grafana:3000"])
def test_an_address_that_cannot_be_one_is_refused_without_telling_a_password(url: str) -> None:
    with pytest.raises(AddressError) as told:
        Client(url, token="admins")
    assert "write it like http://grafana:3000" in str(told.value)
    assert "secret" not in str(told.value)
