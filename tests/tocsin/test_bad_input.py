"""Everything a device may get wrong, said to one running box: kept, counted and told, and neighbours go on."""

import json
import random
import threading
import urllib.request
from collections.abc import Iterator
from itertools import count
from math import isfinite, isnan

import pytest

from tests.tocsin.hall import Hall, Terminal, hall, listed, until
from tocsin.examining.doctor import examine
from wire.messages import NS_PER_S

pytestmark = pytest.mark.server
CONFIG = """
[[edge.sources]]
type = "serial"
name = "csv"
port = "@csv@"
device = "csv-1"
channels = ["a", "b"]
[[edge.sources]]
type = "serial"
name = "header"
port = "@header@"
device = "header-1"
[[edge.sources]]
type = "serial"
name = "json"
port = "@json@"
device = "json-1"
format = "json"
time_field = "t"
[[edge.sources]]
type = "serial"
name = "endless"
port = "@endless@"
device = "endless-1"
channels = ["a"]
[[edge.sources]]
type = "serial"
name = "noisy"
port = "@noisy@"
device = "noisy-1"
channels = ["a", "b"]
[[edge.sources]]
type = "mqtt"
name = "broker"
url = "@broker@"
[[devices]]
match = "narrow-1"
channels.x = { single = true }
[console]
listen = "@page@"
"""
YEAR_2100_S = 4_102_444_800
ENDLESS_BYTES = 10_000_000
NOISE_BYTES = 2_000_000
_fresh = count()


@pytest.fixture(scope="module")
def lines() -> Iterator[dict[str, Terminal]]:
    found = {name: Terminal() for name in ("csv", "header", "json", "endless", "noisy")}
    yield found
    for line in found.values():
        line.close()


@pytest.fixture(scope="module")
def noise(lines: dict[str, Terminal]) -> list[threading.Thread]:
    """Two lines that say ten million bytes without a line end, and noise, as fast as they are read."""
    garbage = random.Random(3).randbytes(NOISE_BYTES)
    return [
        threading.Thread(target=lines["endless"].send, args=(b"7" * ENDLESS_BYTES + b"\n",), daemon=True),
        threading.Thread(target=lines["noisy"].send, args=(garbage + b"\n",), daemon=True),
    ]


@pytest.fixture(scope="module")
def there(
    tmp_path_factory: pytest.TempPathFactory, lines: dict[str, Terminal], noise: list[threading.Thread]
) -> Iterator[Hall]:
    with hall(tmp_path_factory.mktemp("hall"), CONFIG, lines) as found:
        for speaker in noise:
            speaker.start()
        yield found
        for speaker in noise:
            speaker.join(60)
        # Whatever the tests did, nothing broke and every count fits.
        assert found.box.failure() == ""
        assert found.api.ready() == ""
        assert found.box.drained(20)
        config = found.config
    wrong = [str(finding) for finding in examine(config) if finding.bad]
    assert [sentence for sentence in wrong if "MQTT broker" not in sentence] == []  # which the end took along


def device() -> str:
    return f"machine-{next(_fresh)}"


def goes_on(there: Hall, lines: dict[str, Terminal]) -> None:
    """A sound row on every kind of line is stored."""
    before = {name: there.rows(f"{name}-1") for name in ("csv", "json")}
    sound = device()
    lines["csv"].say("1,2")
    lines["json"].say('{"v": 1}')
    there.publish(f"plant/{sound}/x", "1")
    until(lambda: all(there.rows(f"{name}-1") > rows for name, rows in before.items()), "rows of the lines")
    until(lambda: there.rows(sound) == 1, "a row over MQTT")


def refused(there: Hall, of: str, topic: str, *payloads: str | bytes) -> dict[str, int]:
    """Publish what is refused whole: the reasons told of this device, with their counts."""
    there.publish(f"plant/{of}{topic}", *payloads)
    until(lambda: sum(x.count for x in there.letters("") if x.device == of) == len(payloads), f"dead letters of {of}")
    found: dict[str, int] = {}
    for letter in there.letters(""):
        if letter.device == of:
            reason = letter.reason.removeprefix(f"topic plant/{of}{topic}: ")
            found[reason] = found.get(reason, 0) + letter.count
    assert there.rows(of) == 0
    return found


def test_bytes_that_are_no_text_are_kept_as_dead_letters(there: Hall, lines: dict[str, Terminal]) -> None:
    lines["csv"].say(b"\xff\xfe\x80,1")
    lines["json"].say(b'{"v": "\xff"}')
    until(lambda: bool(there.letters("not text", "csv") and there.letters("not text", "json")), "both dead letters")
    (letter,) = there.letters("not text", "csv")
    assert (letter.body, letter.size, letter.count, letter.device) == (b"\xff\xfe\x80,1", 5, 1, "csv-1")
    assert "wrong baud rate" in letter.reason
    told = next(one for one in listed(there.api, "dead", limit="1000") if one["source"] == "csv")
    assert told["body"] == "\\xff\\xfe\\x80,1"
    assert set(refused(there, device(), "/x", b"\xff\xfe", b"\x00")) == {"not a finite number"}
    goes_on(there, lines)


def test_wrong_types_in_json_are_refused_with_what_is_wrong(there: Hall) -> None:
    found = refused(there, device(), "", '{"a": "text"}', "{}", "[1]", "3", "null", '{"time": "soon", "a": 1}', "{")
    assert found == {
        "JSON object without a number": 2,
        "JSON, but no object": 3,
        "time: not a time": 1,
        "not JSON": 1,
    }


def test_nan_is_missing_and_infinite_is_refused(there: Hall, lines: dict[str, Terminal]) -> None:
    assert refused(there, device(), "", '{"a": Infinity}', '{"a": -Infinity}', '{"a": 1e999}') == {
        "a: not a finite number": 3
    }
    assert refused(there, device(), "/x", "inf", "-inf", "1e999", "", "0x10") == {"not a finite number": 5}
    of = device()
    there.publish(f"plant/{of}", '{"a": NaN, "b": 2, "time": NaN}')
    there.publish(f"plant/{of}", '{"a": null, "b": 3}')
    until(lambda: there.rows(of) == 2, "rows with a missing value")
    assert there.box.reader.readings(of, start_ns=0, end_ns=2**62).columns == {"a": [None, None], "b": [2.0, 3.0]}
    lines["csv"].say("inf,1", "1e999,1")
    until(lambda: there.dead("field 1 (a): not a finite number", "csv") == 2, "refused cells")


@pytest.mark.parametrize("claim", ["0", "-1", '"1970-01-01"', str(YEAR_2100_S), '"2100-01-01T00:00:00Z"'])
def test_a_time_that_cannot_be_is_replaced_by_the_arrival_and_rings(there: Hall, claim: str) -> None:
    of = device()
    there.publish(f"plant/{of}", f'{{"time": {claim}, "a": 1}}')
    until(lambda: there.rows(of) == 1 and "clock" in there.rules(of), "a row and the clock alarm")
    (t_ns,) = there.box.reader.readings(of, start_ns=-(2**62), end_ns=2**62).t_ns
    (alarm,) = there.box.reader.alarms(device=of)
    assert alarm.onset_ns == t_ns
    assert "its clock is wrong: it claimed" in alarm.summary


def test_a_time_that_no_clock_can_count_is_refused(there: Hall) -> None:
    times = ['"9999-12-31"', '"0001-01-01"', "1e300", "9" * 30]
    found = refused(there, device(), "", *(f'{{"time": {time}, "a": 1}}' for time in times))
    assert found == {"time: not a time": 4}
    of = device()
    there.publish(f"plant/{of}", '{"time": {}, "a": 1}')  # says no time at all
    until(lambda: there.rows(of) == 1, "a row at its arrival")


def test_a_serial_device_with_a_wrong_clock_rings_too(there: Hall, lines: dict[str, Terminal]) -> None:
    lines["json"].say('{"t": 0, "v": 1}', f'{{"t": {YEAR_2100_S}, "v": 2}}')
    until(lambda: "clock" in there.rules("json-1"), "the clock alarm")
    stored = there.box.reader.readings("json-1", start_ns=-(2**62), end_ns=2**62).t_ns
    assert all(NS_PER_S * 1_700_000_000 < t_ns < NS_PER_S * (YEAR_2100_S - 1) for t_ns in stored)


def test_a_message_of_ten_megabytes_is_refused_and_its_beginning_kept(there: Hall) -> None:
    of = device()
    there.publish(f"plant/{of}", b"x" * 10_000_000)
    until(lambda: bool(there.letters(f"topic plant/{of}: payload larger than 1048576 bytes")), "the dead letter")
    (letter,) = there.letters(f"topic plant/{of}")
    assert (letter.size, len(letter.body)) == (10_000_000, 4096)
    there.publish(f"plant/{of}/x", "1")
    until(lambda: there.rows(of) == 1, "the next message")


def test_a_thousand_channels_in_a_row_are_stored(there: Hall, lines: dict[str, Terminal]) -> None:
    of = device()
    there.publish(f"plant/{of}", json.dumps({f"c{i}": i for i in range(1000)}))
    lines["header"].say(",".join(f"c{i}" for i in range(1000)), ",".join(map(str, range(1000))))
    until(lambda: there.rows(of) == 1 and there.rows("header-1") == 1, "rows of a thousand channels")
    for name in (of, "header-1"):
        series = there.box.reader.readings(name, start_ns=0, end_ns=2**62)
        assert [column[0] for column in series.columns.values()] == [float(i) for i in range(1000)]


def test_more_channels_than_any_device_has_are_refused(there: Hall, lines: dict[str, Terminal]) -> None:
    assert refused(there, device(), "", json.dumps({f"c{i}": i for i in range(5000)})) == {"more than 1024 values": 1}
    lines["header"].say(",".join(f"h{i}" for i in range(5000)))
    until(lambda: there.dead("header has more than 1024 columns", "header") == 1, "the refused header")


def test_values_sent_as_names_end_at_a_bound_and_the_box_lives(there: Hall, lines: dict[str, Terminal]) -> None:
    of = device()
    for start in range(0, 4000, 500):
        there.publish(f"plant/{of}", json.dumps({f"at-{start + i}": i for i in range(500)}))
    until(lambda: there.rows(of) + there.dead("more than 1024 channels of one device") == 8, "rows or dead letters")
    assert there.rows(of) == 2
    letter = there.letters("more than 1024 channels of one device")[0]
    assert (letter.device, letter.source) == (of, "broker")
    assert "does it send values or counters as names?" in letter.reason
    goes_on(there, lines)


def test_huge_and_tiny_numbers_come_back_as_they_were(there: Hall) -> None:
    of = device()
    there.publish(f"plant/{of}", *['{"a": 1e308, "b": 5e-324, "c": -1.7e308}'] * 3)
    there.publish("plant/narrow-1/x", "1e39", "-1e300", "1.5")
    until(lambda: there.rows(of) == 3 and there.rows("narrow-1") == 3, "rows of huge numbers")
    columns = there.box.reader.readings(of, start_ns=0, end_ns=2**62).columns
    assert columns == {"a": [1e308] * 3, "b": [5e-324] * 3, "c": [-1.7e308] * 3}
    assert there.box.reader.readings("narrow-1", start_ns=0, end_ns=2**62).columns == {"x": [1e39, -1e300, 1.5]}
    digits = f'{{"a": {"9" * 400}}}'
    assert refused(there, device(), "", digits) == {"a: not a finite number": 1}


def test_deep_and_doubled_json_is_refused(there: Hall) -> None:
    deep = '{"a":' * 300 + "1" + "}" * 300
    found = refused(there, device(), "", deep, '{"a":' * 50_000, '{"a": 1, "a": 2}', '{"a.b": 1, "a": {"b": 2}}')
    assert found == {"JSON nested too deeply": 2, "two values of one name": 2}


@pytest.mark.parametrize("of", ["<script>alert(1)<script>", "ü ☃", "a b", "x" * 200, "'; drop table sets; --", "%2e"])
def test_any_readable_name_can_be_stored_asked_for_and_exported(there: Hall, of: str) -> None:
    there.publish(f"plant/{of}", json.dumps({of: 1, "a/b": 2, "<b>": 3}))
    until(lambda: there.rows(of) == 1, "its row")
    told = next(one for one in listed(there.api, "devices") if one["device"] == of)
    assert told["rows"] == 1
    out = there.config.parent / f"out-{next(_fresh)}.csv"
    assert there.api.export(of, out, form="csv", start_ns=0, end_ns=2**62) == 1
    assert "<b>" in out.read_text()


def test_names_that_nobody_could_read_are_refused(there: Hall) -> None:
    reason = "a name is empty, over 200 characters, or holds control characters"
    found = refused(
        there, device(), "", '{"": 1}', f'{{"{"n" * 10_000}": 1}}', '{" ": 1}', '{"\\u001b[2J": 1}', '{"\\u0000": 1}'
    )
    assert found == {reason: 5}
    before = there.dead(reason)
    there.publish("plant/" + "L" * 10_000, '{"a": 1}')
    there.publish("plant/" + "L" * 10_000 + "/x", "1")
    there.publish("plant/ /x", "1")
    until(lambda: there.dead(reason) == before + 3, "refused topics")
    assert max(len(letter.reason) for letter in there.letters(reason)) < 400
    assert not any(len(found.device) > 200 or found.device.isspace() for found in there.box.reader.devices())


def test_topics_that_name_no_device_are_dead_letters_that_say_the_pattern(there: Hall) -> None:
    before = there.dead("does not fit the pattern plant/{device}/{channel}")
    for topic in ("plant", "plant/", "plant//flow", "plant/a/b/c"):
        there.publish(topic, "1")
    until(lambda: there.dead("does not fit the pattern plant/{device}/{channel}") == before + 4, "four dead letters")


def test_qos_0_and_retained_messages_count_as_any_other(there: Hall) -> None:
    of = device()
    there.publish(f"plant/{of}/x", "1", qos=0)
    there.publish(f"plant/{of}/x", "2", retain=True)
    until(lambda: there.rows(of) == 2, "both rows")


def test_what_is_published_ends_stored_or_dead_one_for_one(there: Hall) -> None:
    good = ['{"a": 1}', '{"time": 5, "a": 2}', '{"a": NaN}', '{"b": 1e5}']
    rng = random.Random(7)
    of = device()
    said = rng.choices([*good, "{", '{"a": Infinity}', "\x00", "[]"], k=500)
    there.publish(f"plant/{of}", *said)
    until(lambda: there.rows(of) + there.dead(f"topic plant/{of}:") == len(said), "stored + dead = produced")
    assert there.rows(of) == sum(one in good for one in said)


def test_ten_megabytes_without_a_line_end_are_one_dead_letter(
    there: Hall, lines: dict[str, Terminal], noise: list[threading.Thread]
) -> None:
    noise[0].join(60)
    until(lambda: there.dead("line longer than 65536 bytes", "endless") == 1, "the dead letter")
    (letter,) = there.letters("line longer than 65536 bytes", "endless")
    assert (letter.size, len(letter.body)) == (ENDLESS_BYTES, 4096)
    lines["endless"].say("5")
    until(lambda: there.rows("endless-1") == 1, "the next line")
    (state,) = [state for _, state in there.box.reader.sources() if state.source == "endless"]
    assert state.detail.endswith("lines end again")


def test_noise_at_full_speed_is_counted_in_little_room_and_the_line_says_so(
    there: Hall, lines: dict[str, Terminal], noise: list[threading.Thread]
) -> None:
    noise[1].join(60)
    goes_on(there, lines)
    until(lambda: there.dead("", "noisy") > 5000, "counted noise")
    letters = there.letters("", "noisy")
    assert len(letters) < 1000
    assert sum(len(letter.body) for letter in letters) < NOISE_BYTES / 10
    before = there.rows("noisy-1")  # two million random bytes hold a few lines that read as numbers
    assert before < 100
    lines["noisy"].say("", "5,6")
    until(lambda: there.rows("noisy-1") == before + 1, "a sound line after the noise")


def test_nothing_that_was_stored_is_infinite_or_of_another_age(there: Hall) -> None:
    for found in there.box.reader.devices():
        series = there.box.reader.readings(found.device, start_ns=-(2**62), end_ns=2**62)
        assert all(1_700_000_000 < t_ns / NS_PER_S < YEAR_2100_S - 1 for t_ns in series.t_ns)
        values = [value for column in series.columns.values() for value in column if value is not None]
        assert all(isfinite(value) and not isnan(value) for value in values)


@pytest.mark.parametrize("path", ["/", "/metrics", "/readyz", "/api/v1/devices", "/api/v1/alarms", "/api/v1/dead"])
def test_the_page_and_the_api_still_answer(there: Hall, path: str) -> None:
    with urllib.request.urlopen(there.base + path, timeout=20) as answer:
        text = answer.read().decode()
    assert answer.status == 200
    assert path.startswith("/api") or "<script>alert(1)" not in text
