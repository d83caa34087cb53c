from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import httpx
import pytest

from dashboards.console.desk import BoxStatus
from dashboards.console.server import Console
from tests.console.fakes import ORIGIN, T0, Answering, account, small_plant, wait_until
from wire.config import Channel, DeviceRule, Limits
from wire.messages import NS_PER_S, AlarmState, DeadLetter, Gap, Verb


def rules(name: str) -> DeviceRule:
    channels = {"temperature": Channel(uom="°C", limits=Limits(H=70, HH=85))}
    return DeviceRule(match=name, owner="maintenance", channels=channels)


class Site:
    """A console without its page, served for real, over a plant in memory."""

    def __init__(self) -> None:
        self.plant = small_plant()
        self.inbox = Answering(self.plant)
        self.status = BoxStatus(log_room_h=12.5, lag_s=0.2, backlog=1)
        self.console = Console(
            self.plant,
            self.inbox,
            listen="127.0.0.1:0",
            rule_of=rules,
            now_ns=lambda: T0,
            status=lambda: self.status,
            page=False,
        )
        self.client = httpx.Client(base_url=self.console.start(), timeout=10)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers=headers)

    def shows(self, path: str, said: str) -> None:
        """Wait until the hub has looked."""
        wait_until(lambda: said in self.get(path).text, f"{said!r} at {path}")


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.client.close()
    found.console.stop()


def test_devices_tell_their_health_channels_units_and_limits(site: Site) -> None:
    devices = site.get("/api/v1/devices").json()
    assert [d["device"] for d in devices] == ["pump-1", "pump-2", "spindle-1"]
    assert devices[2]["health_words"] == "Learning"
    temperature = next(c for c in devices[0]["channels"] if c["name"] == "temperature")
    assert temperature == {"name": "temperature", "uom": "°C", "limits": {"HH": 85.0, "H": 70.0, "L": None, "LL": None}}


def test_an_unknown_device_lists_close_names(site: Site) -> None:
    answer = site.get("/api/v1/devices/pmp-1/readings")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "pump-1" in answer.json()["close"]
    assert "Did you mean" in answer.json()["detail"]


def test_a_device_whose_name_holds_slashes_and_markup_is_found(site: Site) -> None:
    site.plant.add("hall/<script>&")
    answer = site.get("/api/v1/devices/hall%2F%3Cscript%3E%26")
    assert answer.json()["device"] == "hall/<script>&"
    assert site.get("/api/v1/devices/hall%2F%3Cscript%3E%26/readings?points=10").json()["columns"]


def test_readings_default_to_the_last_hour_of_data_wherever_that_is(site: Site) -> None:
    site.plant.add("old", last_ns=T0 - 10**18)
    found = site.get("/api/v1/devices/old/readings?points=100").json()
    assert 90 <= len(found["t_ns"]) <= 110
    assert max(found["t_ns"]) <= T0 - 10**18


def test_readings_take_iso_times_channels_and_come_as_csv_by_format_or_accept(site: Site) -> None:
    path = f"/api/v1/devices/pump-1/readings?start={T0 - NS_PER_S}&channels=current&points=0"
    for answer in (site.get(path + "&format=csv"), site.get(path, accept="text/csv")):
        assert answer.headers["content-type"].startswith("text/csv")
        lines = answer.text.splitlines()
        assert lines[0] == "time,current"
        assert len(lines) == 12
        assert lines[1].startswith("2026-09-21T")
    assert list(site.get(path).json()["columns"]) == ["current"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("start=soon", 422), ("start=2&end=1", 422), ("points=-1", 422), ("channels=nope", 404), ("format=xml", 422)],
)
def test_a_wrong_query_is_explained(site: Site, query: str, status: int) -> None:
    answer = site.get(f"/api/v1/devices/pump-1/readings?{query}")
    assert answer.status_code == status
    assert answer.json()["remedy"]


def test_too_many_raw_rows_are_refused_with_the_way_to_get_them(site: Site) -> None:
    site.plant.known["pump-1"] = site.plant.known["pump-1"].__class__(
        **{f: getattr(site.plant.known["pump-1"], f) for f in site.plant.known["pump-1"].__struct_fields__}
        | {"rows": 10**9}
    )
    answer = site.get("/api/v1/devices/pump-1/readings?points=0&start=0")
    assert answer.status_code == 413
    assert "export" in answer.json()["detail"]


def test_what_the_api_does_not_have_is_a_problem_and_no_page(site: Site) -> None:
    answer = site.get("/api/v1/nope")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert site.client.put("/api/v1/devices", json={}).status_code in {404, 405}


def test_scores_bring_contributions(site: Site) -> None:
    found = site.get("/api/v1/devices/pump-1/scores").json()
    assert set(found["columns"]) == {"score", "vibration_rms", "temperature", "current"}


def test_an_export_is_sent_whole_and_its_file_goes_away(site: Site) -> None:
    before = set(Path(gettempdir()).glob("tocsin-export-*"))
    answer = site.get("/api/v1/devices/pump-1/export?format=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="pump-1.csv"'
    assert len(answer.text.splitlines()) == int(answer.headers["x-rows"]) + 1
    wait_until(lambda: set(Path(gettempdir()).glob("tocsin-export-*")) <= before, "the file is gone")


def test_an_alarm_comes_with_its_history_and_words(site: Site) -> None:
    alarm = site.plant.ring("pump-1", "limit:temperature:HH")
    site.plant.ring("pump-1", "limit:temperature:HH", state=AlarmState.RETURNED)
    found = site.get(f"/api/v1/alarms/{alarm.id}").json()
    assert found["rule_words"] == "temperature: far too high"
    assert [s["state"] for s in found["history"]] == ["unacknowledged", "returned-unacknowledged"]
    assert [a["id"] for a in site.get("/api/v1/alarms?active=true").json()] == [alarm.id]
    assert site.get("/api/v1/alarms/none").status_code == 404


def test_an_acknowledgement_is_in_the_inbox_before_the_answer_and_only_once(site: Site) -> None:
    alarm = site.plant.ring("pump-1")
    path = f"/api/v1/alarms/{alarm.id}/acknowledge"
    first = site.client.post(path, json={"who": "Ana", "why": "seen"})
    assert first.status_code == 202
    assert [(a.verb, a.who, a.why, a.device, a.rule) for a in site.inbox.taken] == [
        (Verb.ACKNOWLEDGE, "Ana", "seen", "pump-1", "anomaly")
    ]
    again = site.client.post(path, json={"who": "Bo"}).json()
    assert again["action"] == first.json()["action"]
    assert again["repeated"] is True
    assert len(site.inbox.taken) == 1


def test_an_acknowledgement_without_a_name_or_of_nothing_is_refused(site: Site) -> None:
    alarm = site.plant.ring("pump-1")
    path = f"/api/v1/alarms/{alarm.id}/acknowledge"
    assert site.client.post(path, json={"who": " "}).status_code == 422
    assert site.client.post(path, json={}).status_code == 422
    over = site.plant.ring("pump-2", state=AlarmState.NORMAL)
    assert site.client.post(f"/api/v1/alarms/{over.id}/acknowledge", json={"who": "Ana"}).status_code == 409
    assert site.inbox.taken == []


def test_a_new_normal_is_accepted_in_a_name(site: Site) -> None:
    alarm = site.plant.ring("pump-1", "drift")
    assert site.client.post(f"/api/v1/alarms/{alarm.id}/accept-normal", json={"who": "Ana"}).status_code == 202
    assert site.inbox.taken[0].verb is Verb.ACCEPT_NORMAL


def test_losses_sources_and_counts_are_told(site: Site) -> None:
    site.plant.losses = [("edge-1", Gap(device="*", from_ns=1, to_ns=2, rows=5, reason="outbox full"))]
    site.plant.letters = [DeadLetter(origin=ORIGIN, source="serial-1", reason="no number", body=b"\xff1,x", count=3)]
    site.plant.counts = [account(), account(stored=11_990)]
    assert site.get("/api/v1/gaps").json()[0]["reason"] == "outbox full"
    assert site.get("/api/v1/dead").json()[0]["body"] == "\\xff1,x"
    assert site.get("/api/v1/sources").json()[1]["state"] == "retrying"
    assert [a["off"] for a in site.get("/api/v1/accounts").json()] == ["", "10 accepted rows are not stored"]


def test_metrics_carry_counts_room_and_alarms(site: Site) -> None:
    site.plant.ring("pump-1")
    for line in (
        'tocsin_readings_stored_total{edge="edge-1"} 36000.0',
        'tocsin_active_alarms{priority="high"} 1.0',
        "tocsin_log_room_hours 12.5",
        'tocsin_duplicates_total{edge="edge-1"} 3.0',
        'tocsin_devices{health="learning"} 1.0',
    ):
        site.shows("/metrics", line)


def test_readiness_gives_its_reasons_and_liveness_does_not_care(site: Site) -> None:
    assert site.get("/readyz").json() == {"ready": True, "reasons": []}
    site.status = BoxStatus(stalled="The core has not moved for 60 s.")
    site.shows("/readyz", "has not moved")
    assert site.get("/readyz").status_code == 503
    site.plant.broken = OSError("disk gone")
    site.shows("/readyz", "disk gone")
    assert site.get("/healthz").text == "ok\n"


def test_an_unforeseen_error_is_a_problem_with_a_remedy_and_shows_no_insides(site: Site) -> None:
    site.plant.broken = OSError("secret path")
    answer = site.get("/api/v1/devices")
    assert answer.status_code == 500
    assert "doctor" in answer.json()["remedy"]
    assert "secret path" not in answer.text


def test_the_documentation_names_every_route_and_loads_nothing_foreign(site: Site) -> None:
    schema = site.get("/api/openapi.json").json()
    page = site.get("/api/docs").text
    for path in schema["paths"]:
        assert f"<code>{path}</code>" in page
    assert "http://" not in page
    assert "https://" not in page
