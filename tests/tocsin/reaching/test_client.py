import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.processes import free_port
from tests.tocsin.plant import Up, page
from tocsin.reaching.client import BoxError, Client, Unreachable


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[Client]:
    """A client of a server that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the library's own name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Client(f"127.0.0.1:{server.server_address[1]}")
        finally:
            server.shutdown()
            thread.join()


def test_a_download_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    with (
        answering(200, b"time,a\n", Content_Length="999", X_Rows="40") as client,
        pytest.raises(BoxError, match="broke off after 7 bytes"),
    ):
        client.export("d", tmp_path / "d.csv", form="csv", start_ns=0, end_ns=1)
    assert not list(tmp_path.iterdir())


def test_an_older_export_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("older")
    with answering(200, b"time,a\n", Content_Length="999", X_Rows="1") as client, pytest.raises(BoxError):
        client.export("d", tmp_path / "d.csv", form="csv", start_ns=0, end_ns=1)
    assert (tmp_path / "d.csv").read_text() == "older"


def test_something_else_at_that_address_is_no_box() -> None:
    with answering(200, b"<html>") as client, pytest.raises(BoxError, match="is no Tocsin box"):
        client.get("devices")


def test_a_refusal_is_told_in_the_words_of_the_box() -> None:
    with answering(422, b'{"title": "Unprocessable", "detail": "An action needs a name."}') as client:
        with pytest.raises(BoxError, match=r"^An action needs a name\.$"):
            client.get("alarms")
        assert not client.alive()


def test_reasons_for_not_being_ready_are_joined() -> None:
    with answering(503, b'{"ready": false, "reasons": ["The store hangs.", "The disk is full."]}') as client:
        assert client.ready() == "The store hangs.; The disk is full."


@pytest.mark.parametrize("body", [b"", b"[1]", b"oops", b'"x"'])
def test_a_refusal_without_words_is_told_by_its_number(body: bytes) -> None:
    with answering(500, body) as client, pytest.raises(BoxError, match="the box answered 500"):
        client.get("alarms")


def test_nobody_there_is_said_with_the_address() -> None:
    client = Client(f"127.0.0.1:{free_port()}")
    assert not client.alive()
    with pytest.raises(Unreachable, match=f"no box answers at {client.base}"):
        client.get("alarms")


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "[::]:80", ":80"])
def test_a_box_that_listens_everywhere_is_reached_here(listen: str) -> None:
    assert Client(listen).base == "http://127.0.0.1:80"


def test_a_proxy_for_the_internet_is_none_for_a_box(running: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert Client(page(running.config).removeprefix("http://")).ready() == ""
