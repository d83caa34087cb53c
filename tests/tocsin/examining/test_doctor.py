import shutil
import signal
import socket
from pathlib import Path

import duckdb
import pytest

from benchmarks.processes import free_port, until
from edge.log import LocalLog
from tests.tocsin.plant import DEADLINE_S, QUIET, ROWS, Up, tocsin, told, up, write
from tocsin.places import log_path, store_path
from tocsin.roles.box import Box
from wire.settings import load

SERIAL = '[[edge.sources]]\ntype = "serial"\nport = "{}"\ndevice = "d"\nchannels = ["a"]\n'
MQTT = '[[edge.sources]]\ntype = "mqtt"\nurl = "mqtt://127.0.0.1:{}"\n'


def doctor(config: Path) -> tuple[int, dict[str, tuple[bool, str]]]:
    """The exit code, and for each thing the last finding."""
    result = tocsin("doctor", "--json", "-c", config)
    found = {str(f["what"]): (bool(f["ok"]), str(f["detail"])) for f in told(result)}
    bad = {what for what, (ok, _) in found.items() if not ok}
    assert result.exit_code == (2 if "config" in bad else 1 if bad else 0)
    return result.exit_code, found


def lively(config: Path) -> Path:
    """Let its host say a row soon."""
    config.write_text(config.read_text().replace("1h", "50ms"))
    return config


def heard(box: Box) -> None:
    """Wait until a row of this machine is stored."""

    def there() -> bool:
        assert not box.failure()
        return any(device.device == "host" for device in box.reader.devices())

    until(there, within_s=DEADLINE_S, what="a row of this machine")


def test_a_box_that_never_ran_is_well_and_stays_untouched(tmp_path: Path) -> None:
    code, found = doctor(write(tmp_path, QUIET))
    assert code == 0
    assert found["store"] == (True, "none yet: the box has not run here")
    assert [path.name for path in tmp_path.iterdir()] == ["tocsin.toml"]


def test_a_stopped_box_is_well_and_its_accounts_add_up(stopped: Path) -> None:
    code, found = doctor(stopped)
    assert code == 0, found
    assert found["box"] == (True, "stopped")
    assert f"{ROWS} rows came, {ROWS} stored" in found["accounts"][1]
    assert found["log"] == (True, f"of {ROWS} rows {ROWS} were passed on, 0 wait, 0 gave way")


def test_findings_are_lines_for_people(stopped: Path) -> None:
    result = tocsin("doctor", "-c", stopped)
    assert result.exit_code == 0
    assert {line[:5] for line in result.stdout.splitlines()} == {"ok   "}


def test_a_running_box_is_well(running: Up) -> None:
    code, found = doctor(running.config)
    assert code == 0, found
    assert found["box"][1].startswith("running at http://127.0.0.1:")
    assert found["source"][1].startswith("host-1 is connected")
    assert "adds up" in found["accounts"][1]


def test_a_running_box_without_a_page_cannot_be_asked_and_that_is_said(tmp_path: Path) -> None:
    config = write(tmp_path, QUIET)
    with up(config, "--no-page") as box:
        until(lambda: store_path(load(config)).exists(), within_s=DEADLINE_S, what="the store")
        until(lambda: doctor(config)[0] == 1, within_s=DEADLINE_S, what="the store to be opened")
        assert "--no-page" in doctor(config)[1]["store"][1]
        assert box.end(signal.SIGTERM) == 0


def test_rows_that_were_deleted_behind_its_back_are_missed(stopped: Path) -> None:
    path = str(store_path(load(stopped)))
    with duckdb.connect(path) as con:
        tables = [name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        for table in tables:
            if table.startswith(("fresh_", "kept_")) and table.rpartition("_")[2].isdecimal():
                con.execute(f"DELETE FROM {table} WHERE t_ns IN (SELECT t_ns FROM {table} ORDER BY t_ns LIMIT 7)")
    code, found = doctor(stopped)
    assert code == 1
    assert found["accounts"] == (
        False,
        f"edge-1: {ROWS} rows were stored and 0 went by retention, but {ROWS - 7} lie in the store: 7 too few",
    )


def test_a_store_put_back_to_an_older_copy_is_noticed(stopped: Path) -> None:
    loaded = load(lively(stopped))
    shutil.copy(store_path(loaded), older := stopped.parent / "older")
    with Box(loaded) as box:
        heard(box)
        assert box.drained(DEADLINE_S)
    assert doctor(stopped)[0] == 0
    shutil.copy(older, store_path(loaded))
    code, found = doctor(stopped)
    assert (code, found["log"][0]) == (1, False)
    assert "do not add up" in found["log"][1]


def test_an_edge_that_was_renamed_still_adds_up(stopped: Path) -> None:
    stopped.write_text(stopped.read_text().replace('"edge-1"', '"edge-2"'))
    with Box(load(lively(stopped))) as box:
        heard(box)
    code, found = doctor(stopped)
    assert code == 0, found


def test_a_log_that_was_moved_away_is_missed_and_its_successor_adds_up(stopped: Path) -> None:
    for file in log_path(load(stopped)).parent.glob("log.sqlite*"):
        file.unlink()
    code, found = doctor(stopped)
    assert (code, found["log"][0]) == (1, False)
    assert "was it moved away?" in found["log"][1]
    assert not log_path(load(stopped)).exists(), "an examination changes nothing"
    with Box(load(lively(stopped))) as box:
        heard(box)
    code, found = doctor(stopped)
    assert code == 0, found


def test_a_log_in_use_is_a_finding(stopped: Path) -> None:
    loaded = load(stopped)
    with LocalLog.of(log_path(loaded), loaded.config.edge):
        code, found = doctor(stopped)
    assert (code, found["log"][0]) == (1, False)
    assert "in use by another process" in found["log"][1]


@pytest.mark.parametrize(
    ("port", "words"),
    [("none.tty", "is the device plugged in?"), ("usb:DEAD:BEEF/7", "usb:DEAD:BEEF/7 is not plugged in")],
)
def test_a_port_that_is_not_there_is_a_finding(tmp_path: Path, port: str, words: str) -> None:
    code, found = doctor(write(tmp_path, SERIAL.format(port)))
    assert (code, found["serial port"][0]) == (1, False)
    assert words in found["serial port"][1]


def test_a_broker_is_asked_whether_it_is_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code, found = doctor(write(tmp_path, MQTT.format(server.getsockname()[1])))
        assert (code, found["MQTT broker"][0]) == (0, True)
    code, found = doctor(write(tmp_path, MQTT.format(port := free_port())))
    assert (code, found["MQTT broker"][0]) == (1, False)
    assert f"nothing answers at 127.0.0.1:{port}" in found["MQTT broker"][1]


def test_a_disk_that_is_nearly_full_is_a_finding(tmp_path: Path) -> None:
    config = write(tmp_path, QUIET)
    config.write_text(config.read_text().replace("[retention]", '[retention]\nmin_free = "900000GB"'))
    code, found = doctor(config)
    assert (code, found["disk"][0]) == (1, False)
    assert "below retention.min_free" in found["disk"][1]


def test_a_store_of_somebody_else_is_a_finding(tmp_path: Path) -> None:
    config = write(tmp_path, QUIET)
    store_path(load(config)).parent.mkdir()
    store_path(load(config)).write_text("letters " * 999)
    code, found = doctor(config)
    assert (code, found["store"][0]) == (1, False)
    assert "is no Tocsin store" in found["store"][1]


@pytest.mark.parametrize(
    ("named", "instead"),
    [("devices", "the self-learning detector watches"), ("procedures", "runs are kept, and no one calls them early")],
)
def test_a_model_that_is_not_there_is_a_finding(tmp_path: Path, named: str, instead: str) -> None:
    code, found = doctor(write(tmp_path, f'{QUIET}\n[[{named}]]\nmatch = "*"\nmodel = "early"\n'))
    assert (code, found["model"][0]) == (1, False)
    assert found["model"][1].endswith(instead)


def test_a_config_that_is_wrong_ends_the_examination(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text("site = 1\n")
    code, found = doctor(tmp_path / "tocsin.toml")
    assert (code, set(found)) == (2, {"config"})
