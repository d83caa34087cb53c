import signal
import socket
from pathlib import Path

import httpx
import pytest

from benchmarks.processes import free_port, until
from edge.log import LocalLog
from store.box.box import DuckStore
from tests.tocsin.plant import DEADLINE_S, QUIET, page, up, write
from tocsin.places import log_path, store_path
from wire.settings import load

BUSY = '[[edge.sources]]\ntype = "host"\nevery = "20ms"\n'
MUST = '[[edge.sources]]\ntype = "serial"\nport = "none.tty"\ndevice = "d"\nchannels = ["a"]\non_start = "fail"\n'
NOISE = ("Traceback", "Exception ignored", "Warning:")


def committed(config: Path) -> tuple[int, int]:
    """Rows in the log that wait, and rows in the store."""
    loaded = load(config)
    with LocalLog.of(log_path(loaded), loaded.config.edge) as log, DuckStore(path=store_path(loaded)) as store:
        lane, stored = log.lane, sum(account.stored for account in store.accounts())
        assert lane.rows == lane.waiting + lane.confirmed
        assert lane.confirmed <= stored <= lane.rows
        return lane.rows, stored


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_box_ends_cleanly_on_a_signal_with_everything_committed(tmp_path: Path, number: signal.Signals) -> None:
    config = write(tmp_path, BUSY)
    with up(config) as box:
        box.ready()

        def seen() -> int:
            return int(httpx.get(f"{page(config)}/api/v1/accounts").json()[0]["stored"])

        until(lambda: seen() >= 20, within_s=DEADLINE_S, what="20 stored rows")
        least = seen()
        assert box.end(number) == 0
    assert not [word for word in NOISE if word in box.said], box.said
    rows, stored = committed(config)
    assert rows == stored >= least, "what was read is stored before it ends"


def test_a_signal_during_start_up_ends_it_too(tmp_path: Path) -> None:
    config = write(tmp_path, BUSY)
    with up(config) as box:
        # Sources say that they start before the store is open and long before the page is served.
        until(lambda: "is starting" in box.said, within_s=DEADLINE_S, what="the first source", every_s=0.001)
        assert box.end(signal.SIGTERM) == 0
    assert not [word for word in NOISE if word in box.said], box.said
    committed(config)


def test_a_source_that_must_start_and_cannot_ends_the_box_with_a_sentence(tmp_path: Path) -> None:
    with up(write(tmp_path, QUIET + MUST)) as box:
        assert box.over() == 1
    assert "tocsin: source serial-1 could not start: " in box.said
    assert "none.tty does not exist" in box.said
    assert not [word for word in NOISE if word in box.said], box.said


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    config = write(tmp_path, QUIET)
    with socket.create_server(("127.0.0.1", int(page(config).rpartition(":")[2]))), up(config) as box:
        assert box.over() == 1
    assert "tocsin: cannot listen on 127.0.0.1:" in box.said
    assert not [word for word in NOISE if word in box.said], box.said


def test_without_its_page_a_box_stores_and_listens_nowhere(tmp_path: Path) -> None:
    config = write(tmp_path, BUSY)
    loaded = load(config)
    with up(config, "--no-page") as box:
        until(lambda: store_path(loaded).exists(), within_s=DEADLINE_S, what="the store")
        until(lambda: "is connected" in box.said, within_s=DEADLINE_S, what="the source")
        with pytest.raises(httpx.ConnectError):
            httpx.get(page(config))
        assert box.end(signal.SIGTERM) == 0
    rows, _ = committed(config)
    assert rows > 0


def test_a_second_box_on_the_same_files_is_refused_and_disturbs_nothing(tmp_path: Path) -> None:
    config = write(tmp_path, QUIET)
    with up(config) as first:
        first.ready()
        text = config.read_text().replace(page(config).removeprefix("http://"), f"127.0.0.1:{free_port()}")
        (tmp_path / "second.toml").write_text(text)
        with up(tmp_path / "second.toml") as second:
            assert second.over() == 1
        assert "in use by another process" in second.said
        assert not [word for word in NOISE if word in second.said], second.said
        assert httpx.get(f"{page(config)}/readyz").status_code == 200


@pytest.mark.parametrize(("name", "sentence"), [("tocsin.duckdb", "is no Tocsin store"), ("log.sqlite", "the log ")])
def test_a_foreign_file_where_a_box_keeps_its_own_is_left_alone_and_named(
    tmp_path: Path, name: str, sentence: str
) -> None:
    file = tmp_path / "data" / name
    file.parent.mkdir()
    file.write_text("letters to a friend\n" * 400)
    with up(write(tmp_path, QUIET), "--no-page") as box:
        assert box.over() == 1
    assert f"tocsin: {'' if name.endswith('duckdb') else 'the log '}{file}" in box.said
    assert sentence in box.said
    assert not [word for word in NOISE if word in box.said], box.said
    assert file.read_text() == "letters to a friend\n" * 400


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with up(write(tmp_path, QUIET), "--no-page") as box:
        assert box.over() == 1
    assert "tocsin: cannot create the folder" in box.said
    assert not [word for word in NOISE if word in box.said], box.said


def test_a_config_that_is_wrong_is_explained_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text('site = 1\n[[edge.sources]]\ntype = "hots"\n')
    with up(tmp_path / "tocsin.toml") as box:
        assert box.over() == 2
    assert "tocsin.toml:1: site: " in box.said
    assert "tocsin.toml:3: edge.sources[0].type: " in box.said


def test_a_token_of_nothing_is_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOCSIN_TOKEN", "")
    with up(write(tmp_path, QUIET)) as box:
        box.ready()
        assert box.end(signal.SIGTERM) == 0
