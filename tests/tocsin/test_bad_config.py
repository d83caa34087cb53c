"""Wrong configs and damaged files: the sentence names the place and the remedy, and the box starts where it can."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from edge.log import LocalLog
from edge.outbox import Outbox
from tests.tocsin.hall import Terminal, free_port, running, until
from tocsin.command import cli
from tocsin.examining.check import check
from tocsin.examining.doctor import examine
from tocsin.places import log_path
from tocsin.roles.box import Box, BoxError
from wire.ports import Arrival, Row
from wire.settings import load

LOG, STORE = "data/log.sqlite", "data/tocsin.duckdb"
CONFIG = """
[[edge.sources]]
type = "serial"
port = "@port@"
device = "pump-1"
channels = ["a"]
[console]
listen = "127.0.0.1:@page@"
"""
EVERY_KIND_OF_ERROR = """
sites = "x"
bus = "kafka:nowhere"
store = 5
[edge]
outbox_bytes = "many"
[[edge.sources]]
type = "serial"
baud = "96oo"
port = "/dev/ttyUSB0"
device = "a"
[[edge.sources]]
type = "serial"
port = "/dev/ttyUSB0"
[[edge.sources]]
type = "modbuss"
[[edge.sources]]
type = "mqtt"
url = "mqtt://user:secret@h"
topics = ["a/#/b"]
[[devices]]
running_when = "current >"
[[devices]]
match = "*"
channels.t = { limits = { H = 1, HH = 0 } }
[console]
listen = "here"
"""


@pytest.fixture(scope="module")
def line() -> Iterator[Terminal]:
    found = Terminal()
    yield found
    found.close()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, line: Terminal) -> Path:
    """The folder of a box that stored five rows and was stopped."""
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "tocsin.toml").write_text(CONFIG.replace("@port@", line.path).replace("@page@", str(free_port())))
    rows_come(folder / "tocsin.toml", line)
    assert complaints(folder / "tocsin.toml") == []
    return folder


@pytest.fixture
def config(stopped: Path, tmp_path: Path) -> Path:
    """A copy of that box."""
    shutil.copytree(stopped, tmp_path / "box")
    return tmp_path / "box" / "tocsin.toml"


def rows_come(config: Path, line: Terminal) -> set[str]:
    """Start the box, let five rows come and stop it: the alarms of the device and the edge."""
    with running(config) as there:
        before = there.rows("pump-1")
        line.say(*"12345")
        until(lambda: there.rows("pump-1") == before + 5, "five rows")
        assert there.box.drained(20)
        assert there.box.failure() == ""
        return there.rules("pump-1") | there.rules("*")


def complaints(config: Path) -> list[str]:
    return [finding.detail for finding in examine(config) if finding.bad]


def refusal(config: Path) -> str:
    with pytest.raises(BoxError) as refused, Box(load(config)):
        pytest.fail("it started")
    return str(refused.value)


def note(config: Path, prefix: str) -> None:
    """Damage notes of the store whose names begin so."""
    with duckdb.connect(str(config.parent / STORE)) as con:
        found = con.execute("SELECT name, body FROM latest WHERE starts_with(name, ?)", [prefix]).fetchall()
        assert found
        for name, body in found:
            con.execute("UPDATE latest SET body = ? WHERE name = ?", [b"\xc1" + body[1:], name])


def in_log(config: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    con = sqlite3.connect(config.parent / LOG)
    try:
        found: list[tuple[object, ...]] = con.execute(statement, values).fetchall()
        con.commit()
    finally:
        con.close()
    return found


def test_an_empty_config_says_how_to_get_one_that_is_not(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text("")
    (problem,) = check(tmp_path / "tocsin.toml")
    assert str(problem).endswith('tocsin.toml: edge.sources: no sources: add [[edge.sources]] or run "tocsin init"')


def test_every_kind_of_error_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text(EVERY_KIND_OF_ERROR)
    found = {problem.key: problem for problem in check(tmp_path / "tocsin.toml")}
    assert all(problem.line or not problem.key for problem in found.values())
    wanted = "sites bus store edge.outbox_bytes edge.sources[0].baud edge.sources[1].device edge.sources[2].type"
    assert set(wanted.split()) <= set(found)
    wanted = "edge.sources[3].url edge.sources[3].topics[0] devices[0].match devices[1].channels.t.limits.HH"
    assert {*wanted.split(), "console.listen"} <= set(found)
    assert found["sites"].what.endswith('did you mean "site"?')
    assert "secret" not in found["edge.sources[3].url"].what


def test_the_store_of_a_fleet_is_none_for_a_box(tmp_path: Path) -> None:
    store = 'store = "influxdb://db:8086/plant?org=acme"\n'
    (tmp_path / "tocsin.toml").write_text(store + '[[edge.sources]]\ntype = "host"\n')
    (problem,) = check(tmp_path / "tocsin.toml")
    assert (problem.key, problem.line) == ("store", 1)
    assert 'as "duckdb:data/tocsin.duckdb"' in problem.what
    assert 'bus = "kafka://HOST:9092"' in problem.what


def test_two_sources_on_one_port_are_named(tmp_path: Path) -> None:
    one = '[[edge.sources]]\ntype = "serial"\nport = "/dev/ttyUSB0"\ndevice = "a"\n'
    (tmp_path / "tocsin.toml").write_text(one + one)
    (problem,) = check(tmp_path / "tocsin.toml")
    assert (problem.key, problem.line) == ("edge.sources[1].port", 7)
    assert problem.what == 'another source reads "/dev/ttyUSB0" too: a port has one reader'


def test_bytes_that_are_no_text_are_placed(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_bytes(b'site = "a"\nbus = "\xff"\n')
    (problem,) = check(tmp_path / "tocsin.toml")
    assert str(problem).endswith("tocsin.toml:2: byte 19 is not UTF-8: save the file as UTF-8")


@pytest.mark.parametrize(
    "command",
    [
        ["up"],
        ["check"],
        ["doctor"],
        ["alarms", "list"],
        ["alarms", "ack", "a1", "--who", "Ada"],
        ["data", "export", "--device", "pump-1", "--out", "out.csv"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("content", [None, b"", b"\xff", b"[[", b'site = "x"\n' * 2])
def test_a_command_with_a_wrong_config_ends_with_2_and_its_name(
    tmp_path: Path, command: list[str], content: bytes | None
) -> None:
    config = tmp_path / "plant.toml"
    if content is not None:
        config.write_bytes(content)
    result = CliRunner().invoke(cli, [*command, "-c", str(config)])
    assert result.exit_code == 2
    assert str(config) in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("replay DIR/day.csv --device=", "--device: say which device"),
        ("replay DIR/day.csv --device=d --separator=", "separator: must not be empty"),
        ("replay DIR/day.csv --device=d --speed=-1", "speed: expected 0 (as fast as possible) or more, got -1"),
        ("replay DIR/day.csv --device=d --speed=nan", "speed: expected 0 (as fast as possible) or more, got nan"),
        ("replay DIR/day.csv --device=d --time=when", "has no column when for the time, but time, a"),
        ("replay DIR/empty.csv --device=d", "is empty, or its first line is"),
        ("replay DIR/none.csv --device=d", "does not exist"),
        ("simulate pump --every=0s", "--every must be more than 0"),
        ("simulate pump --to=nowhere", '--to must be "stdout", "serial:PATH" or "mqtt://HOST:PORT"'),
        ("simulate pump --fault=none", "there is no fault 'none'; there are bearing-wear"),
        ("simulate lathe", "'lathe' is not one of 'bench', 'pump', 'spindle'"),
        ("demo --for=soon", "expected a duration such as"),
        ("demo --listen=here --for=1s", "console.listen"),
        ("init -c DIR/none/tocsin.toml", "cannot be written: No such file or directory"),
        ("alarms ack a1", "Missing option '--who'"),
        ("nothing", "No such command 'nothing'"),
    ],
)
def test_wrong_words_end_with_2_and_say_what_is_right(tmp_path: Path, words: str, sentence: str) -> None:
    (tmp_path / "day.csv").write_text("time,a\n2026-01-01,1\n")
    (tmp_path / "empty.csv").write_text("")
    result = CliRunner().invoke(cli, words.replace("DIR", str(tmp_path)).split())
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    (problem,) = check(tmp_path)
    assert "this is a folder: name the file in it" in str(problem)
    assert CliRunner().invoke(cli, ["up", "-c", str(tmp_path)]).exit_code == 2


def test_a_page_port_that_is_taken_is_named_and_the_box_stops_whole(config: Path, line: Terminal) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        text = config.read_text()
        config.write_text(text[: text.index("[console]")] + f'[console]\nlisten = "127.0.0.1:{port}"\n')
        said = f"cannot listen on 127.0.0.1:{port}.*set another console.listen"
        with pytest.raises(BoxError, match=said), Box(load(config)) as box:
            box.serve()
    assert rows_come(config, line)  # a gap: it was not running


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(os.urandom(20_000)), "is damaged (file is not a database). Move it away"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged"),
        (lambda path: os.truncate(path, 100), "is damaged"),
    ],
    ids=["garbage", "half", "hundred bytes"],
)
def test_a_log_that_cannot_be_read_is_named_with_what_to_do(
    config: Path, damage: Callable[[Path], None], words: str
) -> None:
    path = config.parent / LOG
    damage(path)
    said = refusal(config)
    assert words in said
    assert f"the log {path}" in said
    assert said in complaints(config)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lane SET body = '{broken'",
        "UPDATE lane SET body = '{\"edge\": 5}'",
        "INSERT INTO delivery VALUES (1, 'serial-1', x'c1')",
    ],
)
def test_a_damaged_note_in_the_log_is_told_as_damage(config: Path, statement: str) -> None:
    in_log(config, statement)
    assert "is damaged (one of its own notes: " in refusal(config)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(os.urandom(20_000)), "is no Tocsin store (not a DuckDB file)"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged"),
        (lambda path: os.truncate(path, 100), "is damaged"),
    ],
    ids=["garbage", "half", "hundred bytes"],
)
def test_a_store_that_cannot_be_read_is_named_with_what_to_do(
    config: Path, damage: Callable[[Path], None], words: str
) -> None:
    path = config.parent / STORE
    damage(path)
    said = refusal(config)
    assert f"{path} {words}" in said
    assert "move it" in said or "name another file" in said
    assert said in complaints(config)


@pytest.mark.parametrize("prefix", ["progress", "accounts/", "device/"])
def test_a_damaged_note_that_counts_is_told_as_damage(config: Path, prefix: str) -> None:
    note(config, prefix)
    assert "is damaged (one of its own notes: " in refusal(config)


@pytest.mark.parametrize(("prefix", "rule"), [("state/device/", "state-lost"), ("state/edge/", "state-lost")])
def test_a_damaged_state_starts_anew_and_an_alarm_says_so(config: Path, line: Terminal, prefix: str, rule: str) -> None:
    note(config, prefix)
    assert rule in rows_come(config, line)
    assert complaints(config) == []


@pytest.mark.parametrize("prefix", ["liveness/", "source/"])
def test_a_damaged_word_is_replaced_by_the_next(config: Path, line: Terminal, prefix: str) -> None:
    note(config, prefix)
    rows_come(config, line)
    assert complaints(config) == []


def test_a_damaged_record_of_the_log_is_a_dead_letter_and_its_neighbours_are_stored(config: Path) -> None:
    loaded = load(config)
    with LocalLog.of(log_path(loaded), loaded.config.edge) as log:
        for group in range(3):
            with Outbox(log, loaded.config) as outbox:
                outbox.put(Arrival("serial-1", [Row("pump-1", ("a",), (float(group),))] * 2))
    (_, first), (pos, body), (_, last) = in_log(config, "SELECT pos, body FROM record WHERE rows > 0 ORDER BY pos")
    assert isinstance(body, bytes)
    assert first != last
    in_log(config, "UPDATE record SET body = ? WHERE pos = ?", bytes([*body[:-1], body[-1] ^ 1]), pos)
    with running(config) as there:
        until(lambda: there.rows("pump-1") == 5 + 4, "the neighbours")
        (letter,) = there.letters("checksum does not match")
        assert (letter.source, letter.body) == ("inputs", bytes([*body[:-1], body[-1] ^ 1]))
        assert "sequence" in {rule.partition(":")[0] for rule in there.rules("*")}
    (complaint,) = complaints(config)
    assert "1 record of the log could not be read" in complaint


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, line: Terminal) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text(CONFIG.replace("@port@", line.path).replace("@page@", str(free_port())))
    tmp_path.chmod(0o500)
    try:
        assert f"cannot create the folder {tmp_path / 'data'} for the log" in refusal(config)
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path, line: Terminal) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text(CONFIG.replace("@port@", line.path).replace("@page@", str(free_port())))
    (tmp_path / "data").write_text("")
    assert f"cannot create the folder {tmp_path / 'data'} for the log: File exists" in refusal(config)
