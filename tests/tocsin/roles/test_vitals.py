"""The vitals of a role: what Prometheus, Compose and Kubernetes ask for."""

import httpx
import pytest

from tocsin.roles.vitals import Vital, Vitals, VitalsError


def get(url: str) -> tuple[int, str]:
    answer = httpx.get(url)
    return answer.status_code, answer.text


def test_a_ready_role_says_so_and_gives_its_figures() -> None:
    with Vitals("127.0.0.1:0", role="edge", probe=lambda: Vital({"backlog": 3.0})) as vitals:
        assert get(f"{vitals.url}/healthz") == (200, "ok\n")
        assert get(f"{vitals.url}/readyz") == (200, "ok\n")
        status, text = get(f"{vitals.url}/metrics")
    assert status == 200
    assert "tocsin_edge_backlog 3.0" in text
    assert "tocsin_edge_ready 1.0" in text
    assert "process_resident_memory_bytes" in text


def test_a_role_in_trouble_is_alive_but_not_ready() -> None:
    with Vitals("127.0.0.1:0", role="sink", probe=lambda: Vital(trouble="InfluxDB is away")) as vitals:
        assert get(f"{vitals.url}/healthz")[0] == 200
        assert get(f"{vitals.url}/readyz") == (503, "InfluxDB is away\n")
        assert get(f"{vitals.url}/") == (404, "there are /metrics, /healthz and /readyz\n")


def test_a_dead_role_is_to_be_started_anew() -> None:
    with Vitals("127.0.0.1:0", role="sink", probe=lambda: Vital(dead="it stands still")) as vitals:
        assert get(f"{vitals.url}/healthz") == (503, "it stands still\n")


def test_an_address_in_use_is_named_with_what_to_do() -> None:
    with Vitals("127.0.0.1:0", role="edge", probe=Vital) as vitals:
        taken = vitals.url.removeprefix("http://")
        with (
            pytest.raises(VitalsError, match=r"cannot be served .*--vitals"),
            Vitals(taken, role="edge", probe=Vital),
        ):
            pass


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(VitalsError, match="expected an address"):
        Vitals("9101", role="edge", probe=Vital)
