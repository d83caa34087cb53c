import io
import json
import os
from pathlib import Path

import pytest

from edge.sources.mqtt_runs import RunMessages
from simulators.bench_lines import MqttBenches, SerialBench, TextBenches, answer
from simulators.speech import Body
from tests.edge.sources.fakes import until
from tests.edge.sources.mosquitto import mosquitto, publisher
from wire.answer import answer as told
from wire.config import MqttSource
from wire.messages import Advice, Origin

ADVICE = Advice(Origin("e", "0" * 32, 1), "e", "r1", "S01", 0.9, stop=True, t_ns=1)


def test_benches_know_the_answer_of_an_edge_and_nothing_else() -> None:
    assert answer(told(ADVICE).body) == {"event": "advice", "run": "r1", "step": "S01", "stop": True, "p_fail": 0.9}
    for other in (b"", b"3", b"[]", b'{"event":"step"}', b"\xff", b"{"):
        assert answer(other) is None


@pytest.mark.server
def test_benches_on_a_broker_speak_where_an_edge_listens_and_hear_what_it_answers(tmp_path: Path) -> None:
    edge = RunMessages(MqttSource(), source="line-1")
    with mosquitto(tmp_path) as server, publisher(server) as client:
        topics: list[str] = []
        client.on_message = lambda _client, _data, message: topics.append(message.topic)
        subscribed: list[bool] = []
        client.on_subscribe = lambda *_: subscribed.append(True)
        client.subscribe("plant/+/run", 1)
        until(lambda: bool(subscribed))
        with MqttBenches(server.url) as benches:
            benches.say("bench-1", {"event": "step", "run": "r1", "step": "S01"})
            until(lambda: bool(topics))
            client.publish(edge.way_back(topics[0]), told(ADVICE).body, 1)
            heard: list[Body] = []

            def comes() -> bool:
                heard.extend(benches.heard())
                return bool(heard)

            until(comes)
    assert topics == ["plant/bench-1/run"]
    assert heard == [answer(told(ADVICE).body)]


def test_where_there_is_no_broker_there_are_no_benches() -> None:
    with pytest.raises(OSError, match="refused"), MqttBenches("mqtt://127.0.0.1:1"):
        pass


def test_a_bench_on_a_serial_line_speaks_and_hears_lines(tmp_path: Path) -> None:
    with SerialBench(tmp_path / "tty") as bench:
        bench.say("bench-1", {"event": "step", "run": "r0"})
        assert bench.dropped_bytes > 0  # nobody reads
        reader = os.open(tmp_path / "tty", os.O_RDWR | os.O_NOCTTY)
        bench.await_reader(lambda _: False)
        bench.say("bench-1", {"event": "step", "run": "r1"})
        assert os.read(reader, 4096) == b'\n{"event":"step","run":"r1"}\n'
        os.write(reader, b"noise\n" + told(ADVICE).body[:20])
        assert bench.heard() == []
        os.write(reader, told(ADVICE).body[20:] + b"\n")
        assert bench.heard() == [answer(told(ADVICE).body)]
        os.close(reader)
        assert bench.heard() == []


def test_waiting_for_a_reader_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with SerialBench(tmp_path / "tty") as bench:
        bench.await_reader(lambda _: True)


def test_benches_on_a_stream_of_text_hear_nothing() -> None:
    out = io.StringIO()
    with TextBenches(out) as benches:
        benches.say("bench-1", {"event": "step"})
        assert benches.heard() == []
    assert json.loads(out.getvalue()) == {"station": "bench-1", "event": "step"}
