"""The loader of tocsin.toml: what is right comes out, what is wrong is all said at once, with place and remedy."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.config import Config, HostSource, MqttSource, OnStart, SerialSource, WhenFull, source_names
from wire.settings import Problem, SettingsError, load, parse

HOST = '[[edge.sources]]\ntype = "host"\n'
SERIAL = '[[edge.sources]]\ntype = "serial"\nport = "/dev/ttyUSB0"\ndevice = "pump-1"\n'
MQTT = '[[edge.sources]]\ntype = "mqtt"\n'
DEVICE = HOST + '[[devices]]\nmatch = "pump-*"\n'
FOLDER = Path("/plant")


def config(text: str) -> Config:
    return parse(text, name="tocsin.toml", folder=FOLDER).config


def wrong(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(text, name="tocsin.toml", folder=FOLDER)
    return [str(problem) for problem in caught.value.problems]


DESIGN = """
site = "hall-3"
bus = "local:data/log.sqlite"
store = "duckdb:data/tocsin.duckdb"
registry = "folder:data/models"
[edge]
when_full = "refuse"
outbox_bytes = "512MiB"
[[edge.sources]]
type = "serial"
port = "usb:0403:6001/FT9ABC12"
baud = 115200
format = "csv"
device = "pump-1"
channels = ["vibration_rms", "temperature", "current"]
on_start = "fail"
[[edge.sources]]
type = "mqtt"
session_expiry = "2h"
[[devices]]
match = "pump-*"
owner = "maintenance@hall-3"
every = "100ms"
running_when = "current > 0.5"
[devices.channels.temperature]
uom = "°C"
limits = { H = 70, HH = 85, deadband = 2, delay = "3s", response = "Check coolant flow." }
[console]
listen = "[::1]:8765"
"""


def test_a_whole_config_is_read_with_its_units() -> None:
    got = config(DESIGN)
    serial, mqtt = got.edge.sources
    assert isinstance(serial, SerialSource)
    assert isinstance(mqtt, MqttSource)
    assert (serial.baud, serial.on_start, serial.channels[2]) == (115200, OnStart.FAIL, "current")
    assert (got.edge.when_full, got.edge.outbox_bytes, mqtt.session_expiry_ns) == (WhenFull.REFUSE, 2**29, 72 * 10**11)
    temperature = got.device("pump-7").channels["temperature"]
    assert got.device("pump-7").every_ns == 10**8
    assert temperature.limits is not None
    assert (temperature.limits.HH, temperature.limits.delay_ns) == (85.0, 3 * 10**9)
    assert source_names(got.edge) == ("serial-1", "mqtt-1")


def test_a_line_of_source_is_enough() -> None:
    assert config(HOST) == Config(edge=Config().edge.__class__(sources=(HostSource(),)))


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text(HOST)
    loaded = load(tmp_path / "tocsin.toml")
    assert loaded.path("data/log.sqlite") == tmp_path / "data/log.sqlite"
    assert loaded.path("/var/lib/log") == Path("/var/lib/log")


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_bytes(b"\xef\xbb\xbf" + HOST.encode())
    assert load(path).config == config(HOST)


MODEL = '[[models]]\nname = "pump"\nrecipe = "bench"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'tocsin.toml: edge.sources: no sources: add [[edge.sources]] or run "tocsin init"'),
        (SERIAL + 'baud = "96oo"', 'tocsin.toml:5: edge.sources[0].baud: expected int, got "96oo"'),
        (SERIAL + "baud = true", "tocsin.toml:5: edge.sources[0].baud: expected int, got true"),
        (SERIAL + "baud = 9600.0", "tocsin.toml:5: edge.sources[0].baud: expected int, got 9600.0"),
        (SERIAL + "baud = 0", "tocsin.toml:5: edge.sources[0].baud: expected at least 1, got 0"),
        (SERIAL + "buad = 1", 'tocsin.toml:5: edge.sources[0].buad: unknown key; did you mean "baud"?'),
        (SERIAL + "baud = 2026-01-01", "edge.sources[0].baud: expected int, got the date or time 2026-01-01"),
        (SERIAL + f"baud = {'9' * 400}", "edge.sources[0].baud: expected at most 20000000, got a very large number"),
        (SERIAL + 'format = "cvs"', 'expected one of "csv", "json", "regex", got "cvs"; did you mean "csv"?'),
        (SERIAL + 'on_start = "wait"', 'on_start: expected one of "retry", "ignore", "fail", got "wait"'),
        (SERIAL + 'channels = "a"', 'edge.sources[0].channels: expected a list, got "a"'),
        (SERIAL + 'channels = ["a", 1]', "edge.sources[0].channels[1]: expected text in quotes, got 1"),
        (SERIAL + 'channels = ["a", "a"]', 'edge.sources[0].channels[1]: "a" stands here twice: name it once'),
        (SERIAL + 'separator = ""', 'edge.sources[0].separator: expected one character such as ","'),
        (SERIAL + 'max_line_bytes = "2 lines"', 'max_line_bytes: expected a size such as "64KiB"'),
        (SERIAL + 'format = "regex"', 'edge.sources[0].pattern: missing; format = "regex" needs a pattern'),
        (SERIAL + 'format = "regex"\npattern = "(a"', "edge.sources[0].pattern: not a regular expression: missing )"),
        (SERIAL + 'format = "regex"\npattern = "(a)"', "edge.sources[0].pattern: expected named groups"),
        (SERIAL + 'format = "regex"\npattern = "(?P<time>a)"', "edge.sources[0].pattern: expected named groups"),
        (
            SERIAL + 'format = "regex"\npattern = "(?P<a>a)"\nchannels = ["b"]',
            'edge.sources[0].channels[0]: the pattern has no named group "b"; it has a',
        ),
        (SERIAL + 'pattern = "(?P<a>a)"', 'edge.sources[0].pattern: only read with format = "regex"'),
        (
            SERIAL.replace("/dev/ttyUSB0", "usb:403:6001"),
            'edge.sources[0].port: expected a path such as "/dev/ttyUSB0"',
        ),
        (SERIAL.replace('device = "pump-1"', ""), "tocsin.toml:1: edge.sources[0].device: missing"),
        (SERIAL.replace("pump-1", "*"), "edge.sources[0].device: expected the name of one device"),
        (SERIAL.replace("pump-1", " "), "edge.sources[0].device: expected a name of 1 to 200 printable characters"),
        (SERIAL + SERIAL, 'edge.sources[1].port: another source reads "/dev/ttyUSB0" too'),
        (HOST + 'name = "a"\n' + MQTT + 'name = "a"', 'edge.sources[1].name: another source is called "a" too'),
        (MQTT + 'name = "host-1"\n' + HOST, 'edge.sources[1].name: another source is called "host-1" too'),
        ('[[edge.sources]]\nport = "a"', 'edge.sources[0].type: missing; expected one of "serial", "mqtt"'),
        ('[[edge.sources]]\ntype = "seriell"', 'got "seriell"; did you mean "serial"?'),
        ('[edge.sources]\ntype = "host"', "edge.sources: expected a list, got a table: write [[edge.sources]]"),
        ('edge = "a"', 'tocsin.toml:1: edge: expected a table, got "a"'),
        (HOST + "[[console]]", "console: expected a table, got a list: write [console] once"),
        (MQTT + 'run_pattern = "plant/{device}/run"', "edge.sources[0].run_pattern: expected {station} once and no"),
        (MQTT + 'advice_pattern = "plant/+/{station}"', "edge.sources[0].advice_pattern: expected {station} once"),
        (HOST + '[[procedures]]\nmatch = ""', "procedures[0].match: expected a name of 1 to 200"),
        (HOST + '[[procedures]]\nmatch = "p"\nmodel = ""', "procedures[0].model: expected a name of 1 to 200"),
        (
            HOST + '[[procedures]]\nmatch = "p"\nsteps = ["A", "B", "A"]',
            'procedures[0].steps[2]: "A" stands here twice',
        ),
        (HOST + '[[procedures]]\nmatch = "p"\nsteps = [""]', "procedures[0].steps[0]: expected a name of 1 to 200"),
        (
            HOST + '[[procedures]]\nmatch = "p"\ncosts = { currency = "" }',
            "procedures[0].costs.currency: expected a name",
        ),
        (HOST + MODEL.replace("pump", "../x"), 'models[0].name: expected letters, digits, ".", "_" and "-"'),
        (HOST + MODEL + MODEL, 'models[1].name: "pump" stands here twice'),
        (MQTT + 'url = "localhost"', 'edge.sources[0].url: expected "mqtt://HOST:PORT"'),
        (MQTT + 'url = "mqtt://h:99999"', 'edge.sources[0].url: expected "mqtt://HOST:PORT"'),
        (MQTT + "version = 5", 'edge.sources[0].version: expected one of "3.1.1", "5", "auto", got 5'),
        (MQTT + "receive_maximum = 65536", "edge.sources[0].receive_maximum: expected at most 65535, got 65536"),
        (MQTT + 'topics = ["a/#/b"]', "edge.sources[0].topics[0]: expected an MQTT filter"),
        (MQTT + "topics = []", "edge.sources[0].topics: expected at least one topic"),
        (MQTT + 'pattern = "plant/{machine}"', "edge.sources[0].pattern: expected {device} once"),
        (MQTT + 'cert_file = "a"\nurl = "mqtts://h"', "edge.sources[0].key_file: missing; cert_file and key_file"),
        (MQTT + 'ca_file = "a"', "edge.sources[0].url: certificates are given but not used"),
        (MQTT + "session_expiry = 10", 'session_expiry: expected a duration in quotes such as "10s", got 10'),
        (MQTT + "fields = [1]", "edge.sources[0].fields: expected a table of names, got a list"),
        (MQTT + "fields = { a = 1 }", "edge.sources[0].fields.a: expected text in quotes, got 1"),
        (DEVICE + 'every = "-1s"', 'devices[0].every: expected a duration such as "100ms"'),
        (DEVICE + 'every = "0s"', "devices[0].every: expected more than 0s, got 0s"),
        (DEVICE + 'silent_after = "999999999d"', "devices[0].silent_after: expected at most"),
        (DEVICE + "channels.a.low = nan", "devices[0].channels.a.low: expected a finite number, got nan"),
        (DEVICE + "channels.a.low = 2\nchannels.a.high = 2", "devices[0].channels.a.high: expected more than low = 2"),
        (DEVICE + "channels.a.single = 1", "devices[0].channels.a.single: expected true or false, got 1"),
        (DEVICE + 'channels."".low = 1', "devices[0].channels: expected a name"),
        (DEVICE + "channels.a.limits = { L = 9, H = 7 }", "expected LL < L < H < HH, got L = 9 and H = 7"),
        (DEVICE + "channels.a.limits = { H = inf }", "limits.H: expected a finite number, got inf"),
        (DEVICE + "channels.a.limits = { deadband = -1 }", "limits.deadband: expected at least 0, got -1"),
        (DEVICE + "channels.a.limits = { L = 1, H = 3, deadband = 1 }", "deadband: expected less than half of the 2"),
        (DEVICE + "channels.a = { high = 9, limits = { H = 10 } }", "limits.H: can never ring: 10 is above"),
        ('[[devices]]\nmatch = ""\n' + HOST, "devices[0].match: expected a name"),
        (
            'bus = "redis:x"\n' + HOST,
            'tocsin.toml:1: bus: expected "local:data/log.sqlite" or "kafka://HOST:9092", got "redis:x"',
        ),
        (
            'store = "data.db"\n' + HOST,
            'store: expected "duckdb:data/tocsin.duckdb" or "influxdb://HOST:8086/BUCKET", got "data.db"',
        ),
        ('registry = "folder:"\n' + HOST, 'registry: expected "folder:data/models", got "folder:"'),
        (HOST + '[console]\nlisten = "8765"', 'console.listen: expected "HOST:PORT" such as "127.0.0.1:8765"'),
        (HOST + '[console]\nlisten = "h:65536"', 'console.listen: expected "HOST:PORT"'),
        (HOST + '[edge]\noutbox_bytes = "1KB"', "tocsin.toml:4: edge.outbox_bytes: expected at least 1MB"),
        ("[edge]\n[edge]\n", "tocsin.toml:2: not TOML: "),
        ('[edge]\noutbox_bytes = "1KB"\n' + HOST, "edge.outbox_bytes: expected at least 1MB, got 1KB"),
        ('site = "a\n', "tocsin.toml:1: not TOML: "),
        (f"a = {'[' * 5000}", "not TOML" if os.name == "nt" else "nested too deeply"),
        (f"a = {'9' * 5000}", "not TOML"),
    ],
)
def test_one_thing_wrong_is_said_with_place_and_remedy(text: str, said: str) -> None:
    problems = wrong(text)
    assert len(problems) == 1, problems
    assert said in problems[0]


def test_everything_wrong_is_said_at_once_in_the_order_of_the_file() -> None:
    said = wrong(
        "site = 3\n"
        + SERIAL.replace("/dev/ttyUSB0", "")
        + 'baud = "x"\n'
        + '[[edge.sources]]\ntype = "x"\n'
        + '[[devices]]\nevery = "x"\n'
        + '[devices.channels."flow.1"]\nlow = 2\nhigh = 1\n'
        + '[console]\nlisten = "x"\n[retention]\nreadings = "x"\ncolour = 1\n'
    )
    assert [problem.split(": ")[1] for problem in said] == [
        "site",
        "edge.sources[0].port",
        "edge.sources[0].baud",
        "edge.sources[1].type",
        "devices[0].match",
        "devices[0].every",
        'devices[0].channels."flow.1".high',
        "console.listen",
        "retention.readings",
        "retention.colour",
    ]
    lines = [int(problem.split(":")[1]) for problem in said]
    assert lines == [1, 4, 6, 8, 9, 10, 13, 15, 17, 18]


@pytest.mark.parametrize("key", ["password", "token", "passwd", "api_key", "client_secret"])
def test_a_secret_in_the_file_is_refused_and_not_shown(key: str) -> None:
    said = wrong(MQTT + f'{key} = "open sesame"')
    assert len(said) == 1
    assert "secrets do not belong in this file" in said[0]
    assert "sesame" not in said[0]


@pytest.mark.parametrize("url", ["mqtt://ada:sesame@h", "mqtt://ada:sesame@h:x"])
def test_a_password_in_an_address_is_refused_and_not_shown(url: str) -> None:
    said = wrong(MQTT + f'url = "{url}"')
    assert len(said) == 1
    assert "sesame" not in said[0]


def test_a_password_in_place_of_its_variable_is_not_shown() -> None:
    said = wrong(MQTT + 'username_env = "U"\npassword_env = "open sesame"')
    assert len(said) == 1
    assert "sesame" not in said[0]


def test_a_check_of_the_caller_is_asked_and_its_problem_placed(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(HOST + 'device = "pc"\n')
    asked: list[Config] = []

    def check(config: Config) -> list[Problem]:
        asked.append(config)
        return [Problem(key="edge.sources[0].device", what="no")]

    with pytest.raises(SettingsError, match=r"tocsin\.toml:3: edge\.sources\[0\]\.device: no"):
        load(path, checks=(check,))
    assert asked == [config(HOST + 'device = "pc"\n')]


def test_a_file_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no such file: run .tocsin init. to write one"):
        load(tmp_path / "tocsin.toml")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="this is a folder"):
        load(tmp_path)


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_bytes(b'site = "a"\nsite = "\xe4"\n')
    with pytest.raises(SettingsError, match=r"tocsin\.toml:2: byte 20 is not UTF-8"):
        load(path)


def test_a_file_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_bytes(b"#" * 5_000_000)
    with pytest.raises(SettingsError, match="this is no config file"):
        load(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_no_one_may_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(HOST)
    path.chmod(0)
    with pytest.raises(SettingsError, match="cannot be read: Permission denied"):
        load(path)


_keys = st.sampled_from(
    ["site", "edge", "sources", "type", "devices", "channels", "limits", "match", "console", "listen", "a.b"]
)
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "host", "serial", "10s", "a\0"]),
    lambda more: st.lists(more, max_size=3) | st.dictionaries(_keys, more, max_size=4),
    max_leaves=12,
)


def toml(value: object) -> str:
    """A value in TOML; what TOML has no word for becomes true."""
    match value:
        case None | bool():
            return str(bool(value)).lower()
        case dict():
            return "{" + ", ".join(f'"{key}" = {toml(entry)}' for key, entry in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str():
            return '"' + value.replace("\0", "\\u0000") + '"'
    return str(value)


@given(st.dictionaries(_keys, _values, max_size=4))
def test_any_table_is_a_config_or_problems(table: dict[str, object]) -> None:
    text = "\n".join(f'"{key}" = {toml(value)}' for key, value in table.items())
    try:
        got = config(text)
    except SettingsError as error:
        said = error.problems
    else:
        said = (Problem(key="", what="", file=""),) if not got.edge.sources else ()
    assert all(problem.what and problem.file for problem in said)


@given(st.text(max_size=200))
def test_any_text_is_a_config_or_problems(text: str) -> None:
    with pytest.raises(SettingsError):
        parse(text, name="tocsin.toml", folder=FOLDER)
