"""From a step's end to its advice over HTTP, in the box and in a fleet, while 1,000 readings a second flow beside.

A bench posts each step with three measurements and waits for the answer; the time is that of the whole request, on a
connection that is kept. The answer must be advice: one that did not come in time counts as a second. Sender,
Mosquitto, and in the fleet edge, Kafka and worker, share the cores of this machine.
"""

import http.client
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.edge import line
from benchmarks.kill import ready
from benchmarks.processes import accepts, box, broker, free_port, until
from benchmarks.report import Figure, figure
from benchmarks.roles import Role

DEVICES, EVERY_S = 100, 0.1  # 1,000 readings a second
STATIONS, STEPS = 4, 40
WARM, MEASURED = 20, 300  # steps
PAUSE_S = 0.6  # between the answer and the next step of a station
LOST_S = 1.0
TARGET_MS = 250
BOX = """\
site = "bench"
[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
[console]
listen = "127.0.0.1:{page}"
"""
FLEET = """\
site = "bench"
bus = "kafka://{kafka}"
store = "influxdb://127.0.0.1:1/bench"
[edge]
name = "edge-1"
outbox = "outbox.sqlite"
listen = "127.0.0.1:{door}"
[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:{mqtt}"
"""


def measure() -> list[Figure]:
    """Half and the slowest in a hundred answers, in the box and in a fleet."""
    figures: list[Figure] = []
    for where, there in (("box", _box), ("fleet", _fleet)):
        with there() as (broker_port, http_port), _readings(broker_port):
            taken_ms, lost = _tested(http_port)
        cuts = quantiles(taken_ms, n=100)
        figures += [
            figure(f"bench.advice_{where}_p50_ms", cuts[49], "ms"),
            figure(f"bench.advice_{where}_p99_ms", cuts[98], "ms", TARGET_MS),
            figure(f"bench.advice_{where}_unanswered", lost, "steps"),
        ]
    worst = max(each["value"] for each in figures if each["name"].endswith("p99_ms"))
    return [*figures, figure("bench.advice_p99_ms", worst, "ms", TARGET_MS)]


@contextmanager
def _box() -> Iterator[tuple[int, int]]:
    """Mosquitto's port and the page's."""
    with TemporaryDirectory(prefix="tocsin-advice-") as name:
        folder, port, page = Path(name), free_port(), free_port()
        with broker(folder, port):
            until(lambda: accepts(port), within_s=10, what="the broker")
            with box(folder / "box", BOX.format(broker=port, page=page)):
                ready(page)
                yield port, page


@contextmanager
def _fleet() -> Iterator[tuple[int, int]]:
    """Mosquitto's port and the edge's."""
    door = free_port()
    with line(FLEET, door=door) as (folder, mqtt_port, _):
        config = folder / "tocsin.toml"
        with Role("edge", config) as edge, Role("stream", config, "--instance", "worker-1") as worker:
            edge.ready()
            worker.ready()
            until(lambda: accepts(door), within_s=30, what="the edge to take runs")
            yield mqtt_port, door


@contextmanager
def _readings(port: int) -> Iterator[None]:
    stop = threading.Event()
    speaker = threading.Thread(target=_speak, args=(port, stop), name="readings")
    speaker.start()
    try:
        yield
    finally:
        stop.set()
        speaker.join()


def _speak(port: int, stop: threading.Event) -> None:
    chance = random.Random(3)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="readings")
    client.max_inflight_messages_set(2000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    begun, turn = time.monotonic(), 0
    while not stop.wait(max(0.0, begun + turn * EVERY_S - time.monotonic())):
        for device in range(DEVICES):
            client.publish(f"plant/machine-{device}", json.dumps({"level": 50 + chance.gauss(0, 1)}), qos=1)
        turn += 1
    client.disconnect()
    client.loop_stop()


def _tested(port: int) -> tuple[list[float], int]:
    """Milliseconds to each answer, and how many had none; all stations test at once."""
    found: list[tuple[float, bool]] = []
    lock, share = threading.Lock(), (WARM + MEASURED) // STATIONS
    _warm(port)

    def station(number: int) -> None:
        for taken_s, answered in list(_steps(port, f"station-{number}", share))[WARM // STATIONS :]:
            with lock:
                found.append((taken_s if answered else max(LOST_S, taken_s), answered))

    threads = [threading.Thread(target=station, args=(number,)) for number in range(STATIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [taken_s * 1000 for taken_s, _ in found], sum(not answered for _, answered in found)


def _warm(port: int) -> None:
    """Wait until a step is answered with advice at all: a fleet's worker takes a while to be given its share."""
    begun = time.monotonic()
    while not any(answered for _, answered in _steps(port, "warm", 1)):
        assert time.monotonic() - begun < 60, "no advice came within a minute"


def _steps(port: int, station: str, count: int) -> Iterator[tuple[float, bool]]:
    """Runs of STEPS steps one after another, each timed from the request to its answer."""
    chance, begun = random.Random(station), time.time_ns()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(count):
        run, step = f"{station}-{begun}-{number // STEPS}", f"S{number % STEPS:02d}"
        if number % STEPS == 0:
            _post(client, "/runs", {"run": run, "unit": run, "procedure": "end-of-line", "station": station})
        measured = [{"name": f"m{i}", "value": chance.gauss(5, 1), "low": 0, "high": 10} for i in range(3)]
        begun_s = time.perf_counter()
        told = _post(client, f"/runs/{run}/steps/{step}?wait_ms=1000", {"measurements": measured, "duration_s": 30})
        yield time.perf_counter() - begun_s, told["advice"] is not None
        time.sleep(PAUSE_S)
        if number % STEPS == STEPS - 1:
            _post(client, f"/runs/{run}/end", {"outcome": "pass"})
    client.close()


def _post(client: http.client.HTTPConnection, path: str, body: dict[str, object]) -> dict[str, object]:
    client.request("POST", f"/api/v1{path}", json.dumps(body), {"Content-Type": "application/json"})
    answer = client.getresponse()
    text = answer.read()
    assert answer.status in {200, 202}, f"{path}: {answer.status} {text.decode()}"
    told: dict[str, object] = json.loads(text)
    return told
