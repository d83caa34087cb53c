"""From a sensor to its alarm on the bus: MQTT, outbox on disk, Kafka, a worker, at half of an edge's top rate.

A value passes its limit in a reading that carries the time at which it was due, so that a sender that is held up
counts against Tocsin. The alarm carries that time too, and Kafka stamps it when it appends it. Sender, Mosquitto, edge,
Kafka and worker share the cores of this machine.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import quantiles

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.edge import CONFIG, INFLIGHT, line
from benchmarks.processes import until
from benchmarks.report import Figure, figure
from benchmarks.roles import Role
from bus.address import Address
from bus.history import history
from wire.envelope import unpack_outcome
from wire.messages import NS_PER_S, Alarm, AlarmState
from wire.ports import Record
from wire.topics import ALARMS

DEVICES = 50
HIGH_S, CYCLE_S = 2.0, 8.0  # a device is beyond its limit for so long in each cycle
WARM_S, MEASURED_S = 12.0, 40.0
EARLIER = Path("build/bench.json")
FALLBACK_PER_S = 10_000.0
LIMITS = """\
[[devices]]
match = "machine-*"
silent_after = "1h"
channels.level.limits = { H = 80, deadband = 2 }
"""


def measure() -> list[Figure]:
    """Half and the slowest in a hundred alarms; as many as there must be, or none."""
    per_s = _top_per_s() / 2
    with line(CONFIG + LIMITS.replace("{", "{{").replace("}", "}}")) as (folder, mqtt_port, servers):
        config = folder / "tocsin.toml"
        with Role("edge", config) as edge, Role("stream", config, "--instance", "worker-1") as worker:
            edge.ready()
            worker.ready()
            begun_ns = time.time_ns() + int(WARM_S * NS_PER_S)
            command = [sys.executable, "-m", "benchmarks.alarm", str(mqtt_port), str(per_s)]
            said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=300).stdout)
            rung = _rung(servers, said["alarms"])
            rows = edge.figure("tocsin_edge_rows")
    taken_ms = [(record.at_ns - alarm.changed_ns) / 1e6 for record, alarm in rung if alarm.changed_ns > begun_ns]
    cuts = quantiles(taken_ms, n=100)
    assert rows == said["readings"], f"{rows} rows came of {said['readings']} readings"
    return [
        figure("fleet.alarm_at_msgs_per_s", said["readings"] / said["took_s"], "msgs/s", per_s),
        figure("fleet.alarms_timed", len(taken_ms), "alarms"),
        figure("fleet.alarm_p50_ms", cuts[49], "ms"),
        figure("fleet.alarm_p99_ms", cuts[98], "ms", 250),
    ]


def _top_per_s() -> float:
    """What the edge's own campaign found last."""
    told = json.loads(EARLIER.read_text()) if EARLIER.exists() else []
    return next((each["value"] for each in told if each["name"] == "edge.mqtt_msgs_per_s"), FALLBACK_PER_S)


def _rung(servers: str, wanted: int) -> list[tuple[Record, Alarm]]:
    """Each time the limit rang, when all are there; what comes back unacknowledged is the same alarm anew."""
    found: list[tuple[Record, Alarm]] = []

    def look() -> bool:
        read = [(record, unpack_outcome(record.body)) for record in history(Address(servers=servers), ALARMS)]
        alarms = [(record, it) for record, it in read if isinstance(it, Alarm) and it.rule.startswith("limit:")]
        found[:] = [(record, it) for record, it in alarms if it.state is AlarmState.UNACKNOWLEDGED]
        return len(found) >= wanted

    until(look, within_s=60, what=f"{wanted} alarms", every_s=1.0)
    assert len(found) == wanted, f"{len(found)} alarms rang, not {wanted}"
    return found


def _speak(port: int, per_s: float) -> dict[str, float]:
    client = Client(CallbackAPIVersion.VERSION2, client_id="bench-sender")
    client.max_inflight_messages_set(INFLIGHT)
    slots = threading.BoundedSemaphore(INFLIGHT)
    client.on_publish = lambda *_: slots.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    begun, begun_ns, alarms, high = time.monotonic(), time.time_ns(), 0, [False] * DEVICES
    total = int((WARM_S + MEASURED_S) * per_s)
    for number in range(total):
        ahead_s = number / per_s - (time.monotonic() - begun)
        if ahead_s > 0:
            time.sleep(ahead_s)
        device = number % DEVICES
        at_s = number / per_s + CYCLE_S * device / DEVICES
        now_high = at_s % CYCLE_S >= CYCLE_S - HIGH_S
        alarms += now_high and not high[device]
        high[device] = now_high
        level = (90 if now_high else 50) + number % 7 / 10
        said = {"time": begun_ns + int(number / per_s * NS_PER_S), "level": level}  # when it is due, not when it went
        slots.acquire()
        client.publish(f"plant/machine-{device}", json.dumps(said), qos=1)
    took_s = time.monotonic() - begun
    for _ in range(INFLIGHT):
        slots.acquire()
    client.disconnect()
    client.loop_stop()
    return {"readings": total, "alarms": alarms, "took_s": took_s}


if __name__ == "__main__":
    print(json.dumps(_speak(int(sys.argv[1]), float(sys.argv[2]))))
