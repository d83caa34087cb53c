"""What 64 devices at 10 Hz cost the machine under the box: processor, memory, and writing, which wears flash."""

import json
import os
import random
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.kill import ready
from benchmarks.processes import accepts, box, broker, free_port, until
from benchmarks.report import Figure, figure
from store.box.box import DuckStore

DEVICES, CHANNELS, EVERY_S = 64, 8, 0.1
WARM_S, MEASURED_S = 20.0, 40.0
CONFIG = """\
site = "fleet"
[[edge.sources]]
type = "mqtt"
url = "mqtt://127.0.0.1:{broker}"
[console]
listen = "127.0.0.1:{page}"
"""


def _speak(port: int, stop: threading.Event, sent: list[int]) -> None:
    chance = random.Random(3)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="fleet")
    client.max_inflight_messages_set(2000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    last = client.publish("begun")
    begun, turn = time.monotonic(), 0
    while not stop.wait(max(0.0, begun + turn * EVERY_S - time.monotonic())):
        for device in range(DEVICES):
            body = {"time": time.time_ns()} | {f"c{i}": 50 + chance.gauss(0, 1) for i in range(CHANNELS)}
            last = client.publish(f"plant/machine-{device}", json.dumps(body), qos=1)
            sent[0] += 1
        turn += 1
    last.wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def _spent(pid: int) -> tuple[float, float]:
    """Seconds of processor and bytes written so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    counts = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), float(counts["write_bytes"])


def measure() -> list[Figure]:
    """The box's share of one core, its memory, what it writes, and the readings it did not store (0)."""
    with TemporaryDirectory(prefix="tocsin-fleet-") as name:
        folder, port, page = Path(name), free_port(), free_port()
        stop, sent = threading.Event(), [0]
        speaker = threading.Thread(target=_speak, args=(port, stop, sent), name="fleet")
        with broker(folder, port):
            until(lambda: accepts(port), within_s=10, what="the broker")
            with box(folder / "box", CONFIG.format(broker=port, page=page)) as there:
                ready(page)
                speaker.start()
                time.sleep(WARM_S)
                begun, (cpu_s, written) = time.monotonic(), _spent(there.pid)
                time.sleep(MEASURED_S)
                took_s, (cpu_after_s, written_after) = time.monotonic() - begun, _spent(there.pid)
                memory_mb = there.rss_mb()
                stop.set()
                speaker.join()
                time.sleep(2.0)
        with DuckStore(path=folder / "box/data/tocsin.duckdb") as store:
            stored = sum(account.stored for account in store.accounts())
    return [
        figure("fleet.readings_per_s", DEVICES / EVERY_S, "readings/s"),
        figure("fleet.core_share", (cpu_after_s - cpu_s) / took_s, "cores"),
        figure("fleet.rss_mb", memory_mb, "MB"),
        figure("fleet.written_mb_per_s", (written_after - written) / took_s / 1e6, "MB/s"),
        figure("fleet.lost", sent[0] - stored, "readings"),
    ]
