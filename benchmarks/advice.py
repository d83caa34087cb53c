"""From a step's end to its advice over HTTP, in the box and in a fleet, while 1,000 readings a second flow beside.

Simulated benches post each step with what was measured in it and wait for the answer, which a model of recipe `bench`
gives that was trained on earlier runs; the time is that of the whole request, on a connection that is kept. An answer
without P(fails), or none in time, counts as a second. Sender, Mosquitto, and in the fleet edge, Kafka and worker, share
the cores of this machine.
"""

import csv
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from urllib.parse import quote

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.edge import line
from benchmarks.kill import ready
from benchmarks.processes import accepts, box, broker, free_port, until
from benchmarks.report import Figure, figure
from benchmarks.roles import Role
from models.runs.row import KEYS, layout, row_of, values
from simulators.bench import runs
from simulators.trial import Trial
from wire.readings import Measured, StepEnded

DEVICES, EVERY_S = 100, 0.1  # 1,000 readings a second
STATIONS, STEPS = 4, 40
LEARNT, SEED, FRESH = 1_000, 501, 601
WARM, MEASURED = 20, 300  # steps
PAUSE_S = 0.6  # between the answer and the next step of a station
LOST_S = 1.0
TARGET_MS = 250
PROCEDURE = "end-of-line"
JUDGED = """\
[[procedures]]
match = "*"
model = "eol"
advice = "on"
"""
BOX = """\
site = "bench"
registry = "folder:{models}"
[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
[console]
listen = "127.0.0.1:{page}"
"""
FLEET = """\
site = "bench"
bus = "kafka://{kafka}"
registry = "folder:{models}"
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
    with TemporaryDirectory(prefix="tocsin-advice-") as name:
        folder = Path(name)
        learn(folder)
        for where, there in (("box", in_box), ("fleet", in_fleet)):
            with there(folder) as (broker_port, http_port), _readings(broker_port):
                taken_ms, lost = tested(http_port)
            cuts = quantiles(taken_ms, n=100)
            figures += [
                figure(f"bench.advice_{where}_p50_ms", cuts[49], "ms"),
                figure(f"bench.advice_{where}_p99_ms", cuts[98], "ms", TARGET_MS),
                figure(f"bench.advice_{where}_unanswered", lost, "steps"),
            ]
    worst = max(each["value"] for each in figures if each["name"].endswith("p99_ms"))
    return [*figures, figure("bench.advice_p99_ms", worst, "ms", TARGET_MS)]


def learn(folder: Path) -> None:
    """Train the model that is asked, on runs as `tocsin data export --runs` writes them."""
    trials = list(islice(runs(SEED, stations=STATIONS), LEARNT))
    rows = [values(event for event in trial.events if isinstance(event, Measured | StepEnded)) for trial in trials]
    columns = layout(rows)
    with (folder / "runs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*KEYS, *columns])
        for trial, row in zip(trials, rows, strict=True):
            keys = (trial.run, trial.unit, PROCEDURE, "1", trial.station, trial.start_ns, trial.outcome, "", "", 1)
            writer.writerow([*keys, *row_of(row, columns)])
    command = [sys.executable, "-m", "tocsin", "train", "bench", "--data", "runs.csv", "--name", "eol"]
    environ = os.environ | {"TOCSIN_REGISTRY": str(folder / "models")}
    subprocess.run(command, cwd=folder, check=True, env=environ, stdout=subprocess.DEVNULL, timeout=600)


@contextmanager
def in_box(folder: Path) -> Iterator[tuple[int, int]]:
    """Mosquitto's port and the page's."""
    port, page = free_port(), free_port()
    with broker(folder, port):
        until(lambda: accepts(port), within_s=10, what="the broker")
        with box(folder / "box", BOX.format(broker=port, page=page, models=folder / "models") + JUDGED):
            ready(page)
            yield port, page


@contextmanager
def in_fleet(folder: Path) -> Iterator[tuple[int, int]]:
    """Mosquitto's port and the edge's."""
    door = free_port()
    with line(FLEET + JUDGED, door=door, models=folder / "models") as (there, mqtt_port, _):
        config = there / "tocsin.toml"
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


def tested(port: int) -> tuple[list[float], int]:
    """Milliseconds to each answer, and how many had none; all stations test at once."""
    found: list[tuple[float, bool]] = []
    lock, share = threading.Lock(), (WARM + MEASURED) // STATIONS
    trials = list(islice(runs(FRESH, stations=STATIONS), STATIONS * (share // STEPS + 2)))
    _warm(port, trials[0])

    def station(name: str) -> None:
        mine = [trial for trial in trials if trial.station == name]
        for taken_s, answered in list(islice(_steps(port, mine), share))[WARM // STATIONS :]:
            with lock:
                found.append((taken_s if answered else max(LOST_S, taken_s), answered))

    threads = [threading.Thread(target=station, args=(name,)) for name in {trial.station for trial in trials}]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [taken_s * 1000 for taken_s, _ in found], sum(not answered for _, answered in found)


def _warm(port: int, trial: Trial) -> None:
    """Wait until a step is answered with advice at all: a fleet's worker takes a while to be given its share."""
    begun = time.monotonic()
    while not any(answered for _, answered in islice(_steps(port, [trial]), 1)):
        assert time.monotonic() - begun < 60, "no advice came within a minute"


def _steps(port: int, trials: Sequence[Trial]) -> Iterator[tuple[float, bool]]:
    """The runs of a station one after another, each step timed from the request to its answer."""
    client, begun = http.client.HTTPConnection("127.0.0.1", port, timeout=30), time.time_ns()
    for trial in trials:
        run, measured = f"{trial.run}-{begun}", list[dict[str, object]]()
        start = {"run": run, "unit": trial.unit, "procedure": PROCEDURE, "version": "1", "station": trial.station}
        _post(client, "/runs", start)
        for event in trial.events:
            if isinstance(event, Measured):
                measured.append({name: getattr(event, name) for name in ("name", "value", "uom", "low", "high")})
            elif isinstance(event, StepEnded):
                body = {"measurements": measured, "duration_s": event.duration_s}
                begun_s = time.perf_counter()
                told = _post(client, f"/runs/{run}/steps/{quote(event.step, safe='')}?wait_ms=1000", body)
                yield time.perf_counter() - begun_s, told["p_fail"] is not None
                measured = []
                time.sleep(PAUSE_S)
        _post(client, f"/runs/{run}/end", {"outcome": trial.outcome or "aborted"})
    client.close()


def _post(client: http.client.HTTPConnection, path: str, body: Mapping[str, object]) -> dict[str, object]:
    client.request("POST", f"/api/v1{path}", json.dumps(body), {"Content-Type": "application/json"})
    answer = client.getresponse()
    text = answer.read()
    assert answer.status in {200, 202}, f"{path}: {answer.status} {text.decode()}"
    told: dict[str, object] = json.loads(text)
    return told
