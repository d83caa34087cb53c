import socket
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.console.guard import is_loopback
from dashboards.console.server import Console, ConsoleError, ListenError
from dashboards.console.session import Gatekeeper
from tests.console.fakes import Answering, small_plant

TOKEN = "correct-horse-battery-staple"


def console(*, token: str | None = None, listen: str = "127.0.0.1:0") -> Console:
    plant = small_plant()
    plant.ring("pump-1")
    return Console(plant, Answering(plant), listen=listen, token=token, page=False)


@pytest.fixture(scope="module")
def open_url() -> Iterator[str]:
    with console() as served:
        yield served.url


@pytest.fixture(scope="module")
def token_url() -> Iterator[str]:
    with console(token=TOKEN, listen="0.0.0.0:0") as served:
        yield served.url.replace("0.0.0.0", "127.0.0.1")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "[::2]:80", ""])
def test_a_rebound_host_name_is_turned_away(open_url: str, host: str) -> None:
    answer = httpx.get(f"{open_url}/api/v1/devices", headers={"Host": host})
    assert answer.status_code == 403
    assert "localhost" in answer.json()["remedy"]


@pytest.mark.parametrize("host", ["localhost", "localhost:9999", "127.0.0.1", "[::1]:8765"])
def test_loopback_names_come_in_through_any_tunnel(open_url: str, host: str) -> None:
    assert httpx.get(f"{open_url}/api/v1/devices", headers={"Host": host}).status_code == 200


def test_a_foreign_page_cannot_post_a_form_or_json(open_url: str) -> None:
    alarm = httpx.get(f"{open_url}/api/v1/alarms").json()[0]["id"]
    path = f"{open_url}/api/v1/alarms/{alarm}/acknowledge"
    body = '{"who": "Mallory"}'
    assert httpx.post(path, content=body, headers={"Content-Type": "text/plain"}).status_code == 415
    assert httpx.post(path, data={"who": "Mallory"}).status_code == 415
    json_type = {"Content-Type": "application/json"}
    for origin in ("http://evil.example", "null", "http://localhost:1"):
        assert httpx.post(path, content=body, headers={**json_type, "Origin": origin}).status_code == 403
    assert httpx.post(path, content=body, headers={**json_type, "Origin": open_url}).status_code == 202


def test_a_body_without_end_is_refused_before_it_is_read(open_url: str) -> None:
    def endless() -> Iterator[bytes]:
        yield from (b"x" * 1000 for _ in range(3))

    path = f"{open_url}/api/v1/alarms/x/acknowledge"
    assert httpx.post(path, content=endless(), headers={"Content-Type": "application/json"}).status_code == 413
    assert httpx.post(path, json={"who": "x" * 2_000_000}).status_code == 413


def test_a_foreign_origin_is_given_no_cors_headers(open_url: str) -> None:
    answer = httpx.get(f"{open_url}/api/v1/devices", headers={"Origin": "http://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"


def test_a_stranger_sees_nothing_but_that_the_box_lives(token_url: str) -> None:
    for path in ("/api/v1/devices", "/metrics", "/api/docs", "/assets/tocsin.css", "/", "/api/v1/events"):
        answer = httpx.get(token_url + path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert httpx.get(f"{token_url}/healthz").status_code == 200


def test_the_bearer_token_opens_and_another_does_not(token_url: str) -> None:
    path = f"{token_url}/api/v1/devices"
    assert httpx.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    for wrong in (f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}", "Bearer"):
        assert httpx.get(path, headers={"Authorization": wrong}).status_code == 401


def test_signing_in_sets_a_cookie_that_opens_and_leads_back_inside_only(token_url: str) -> None:
    browser = httpx.Client(base_url=token_url)
    asked = browser.get("/alarms", headers={"Accept": "text/html"})
    assert asked.headers["location"] == "/login?next=/alarms"
    assert "That is not the token" in browser.post("/login", data={"token": "guess"}).text
    answer = browser.post("/login", data={"token": TOKEN, "next": "//evil.example"})
    assert answer.headers["location"] == "/"
    assert {"HttpOnly", "SameSite=strict"} <= set(answer.headers["set-cookie"].split("; "))
    assert browser.get("/api/v1/devices").status_code == 200
    browser.close()


def test_the_login_page_escapes_where_to_go_next(token_url: str) -> None:
    assert "<script>" not in httpx.get(f"{token_url}/login", params={"next": '/"><script>'}).text


def test_an_open_address_or_a_short_token_is_refused_with_a_remedy() -> None:
    with pytest.raises(ConsoleError, match="TOCSIN_TOKEN"):
        console(listen="0.0.0.0:0")
    with pytest.raises(ConsoleError, match="at least 16"):
        console(token="short")
    with pytest.raises(ConsoleError, match=r"127\.0\.0\.1:8765"):
        console(listen="nonsense")


def test_a_taken_port_is_named_with_its_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=rf"127\.0\.0\.1:{port}.*console\.listen"):
            console(listen=f"127.0.0.1:{port}").start()


def test_a_cookie_runs_out_and_dies_with_its_token() -> None:
    keeper = Gatekeeper(TOKEN)
    cookie = keeper.cookie(1000.0)
    assert keeper.is_cookie(cookie, 1001.0)
    assert not keeper.is_cookie(cookie, 1000.0 + 31 * 86400)
    assert not Gatekeeper(TOKEN + "2").is_cookie(cookie, 1001.0)


@given(st.text(), st.text())
def test_no_made_up_header_comes_in(authorization: str, cookies: str) -> None:
    assert not Gatekeeper(TOKEN).admits(authorization, cookies, 0.0)
    assert not Gatekeeper(TOKEN).is_cookie(authorization, 0.0)


@given(st.text())
def test_a_name_with_letters_other_than_localhost_is_not_loopback(name: str) -> None:
    if any(letter.isalpha() for letter in name) and name.strip("[]").lower() != "localhost":
        assert not is_loopback(name)
