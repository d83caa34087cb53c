"""From a sensor to its alarm on the bus: MQTT, outbox on disk, Kafka, a worker, at half of what the way takes at most.

A value passes its limit in a reading that carries the time at which it was due, so that a sender that is held up
counts against Tocsin. The alarm carries that time too, and Kafka stamps it when it appends it. Sender, Mosquitto, edge,
Kafka and worker share the cores of this machine.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.edge import CONFIG, INFLIGHT, line
from benchmarks.processes import until
from benchmarks.report import Figure, figure
from benchmarks.roles import Role
from bus.address import Address
from bus.history import history
from bus.lag import GroupLag
from wire.envelope import unpack_outcome
from wire.messages import NS_PER_S, Alarm, AlarmState
from wire.ports import Record
from wire.topics import ALARMS, INPUTS

DEVICES = 50
HIGH_S, CYCLE_S = 2.0, 8.0  # a device is beyond its limit for so long in each cycle
WARM_S, MEASURED_S = 12.0, 40.0
TOP_READINGS = 100_000
TURN_S = 0.001  # the sender rests so long at least
FEW = 50  # records: heartbeats, and what is not acknowledged yet
LIMITS = """\
[[devices]]
match = "machine-*"
silent_after = "1h"
channels.level.limits = { H = 80, deadband = 2 }
"""


def measure() -> list[Figure]:
    """Half and the slowest in a hundred alarms; as many as there must be, or none."""
    with _fleet() as (mqtt_port, servers, edge):
        top_per_s = _top_per_s(mqtt_port, servers, edge)
    with _fleet() as (mqtt_port, servers, _):
        begun_ns = time.time_ns() + int(WARM_S * NS_PER_S)
        said = _spoken(mqtt_port, int((WARM_S + MEASURED_S) * top_per_s / 2), top_per_s / 2)
        rung = _rung(servers, int(said["alarms"]))
    taken_ms = [(record.at_ns - alarm.changed_ns) / 1e6 for record, alarm in rung if alarm.changed_ns > begun_ns]
    cuts = quantiles(taken_ms, n=100)
    return [
        figure("fleet.top_msgs_per_s", top_per_s, "msgs/s"),
        figure("fleet.alarm_at_msgs_per_s", said["readings"] / said["took_s"], "msgs/s", top_per_s / 2),
        figure("fleet.alarms_timed", len(taken_ms), "alarms"),
        figure("fleet.alarm_p50_ms", cuts[49], "ms"),
        figure("fleet.alarm_p99_ms", cuts[98], "ms", 250),
    ]


@contextmanager
def _fleet() -> Iterator[tuple[int, str, Role]]:
    """Mosquitto's port, Kafka's address, and the edge; a worker works beside them."""
    with line(CONFIG + LIMITS.replace("{", "{{").replace("}", "}}")) as (folder, mqtt_port, servers):
        config = folder / "tocsin.toml"
        with Role("edge", config) as edge, Role("stream", config, "--instance", "worker-1") as worker:
            edge.ready()
            worker.ready()
            yield mqtt_port, servers, edge


def _top_per_s(mqtt_port: int, servers: str, edge: Role) -> float:
    """Readings a second from a sender that knows no pace to the last acknowledgement of the worker."""
    lag, begun = GroupLag(Address(servers=servers)), time.perf_counter()
    _spoken(mqtt_port, TOP_READINGS)

    def over() -> bool:
        waiting = edge.figure("tocsin_edge_rows") < TOP_READINGS or edge.figure("tocsin_edge_rows_waiting") > 0
        return not waiting and sum(at.behind for at in lag.places("tocsin-stream", [INPUTS]).values()) < FEW

    until(over, within_s=180, what="the worker to be through", every_s=0.2)
    return TOP_READINGS / (time.perf_counter() - begun)


def _spoken(mqtt_port: int, readings: int, per_s: float = 0.0) -> dict[str, float]:
    """Speak from a process of its own, as fast as it can if no pace is given."""
    command = [sys.executable, "-m", "benchmarks.alarm", str(mqtt_port), str(readings), str(per_s)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=300).stdout
    found: dict[str, float] = json.loads(told)
    return found


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


def _speak(port: int, readings: int, per_s: float) -> dict[str, float]:
    client = Client(CallbackAPIVersion.VERSION2, client_id="bench-sender")
    client.max_inflight_messages_set(INFLIGHT)
    slots = threading.BoundedSemaphore(INFLIGHT)
    client.on_publish = lambda *_: slots.release()
    client.connect("127.0.0.1", port)
    client.loop_start()
    begun, begun_ns, alarms, high = time.monotonic(), time.time_ns(), 0, [False] * DEVICES
    for number in range(readings):
        device, said = number % DEVICES, {"level": 50 + number % 7 / 10}
        if per_s:
            if (ahead_s := number / per_s - (time.monotonic() - begun)) > TURN_S:
                time.sleep(ahead_s)
            now_high = (number / per_s + CYCLE_S * device / DEVICES) % CYCLE_S >= CYCLE_S - HIGH_S
            alarms += now_high and not high[device]
            high[device] = now_high
            said["level"] += 40 * now_high
            said["time"] = begun_ns + int(number / per_s * NS_PER_S)  # when it is due, not when it went
        slots.acquire()
        client.publish(f"plant/machine-{device}", json.dumps(said), qos=1)
    took_s = time.monotonic() - begun
    for _ in range(INFLIGHT):
        slots.acquire()
    client.disconnect()
    client.loop_stop()
    return {"readings": readings, "alarms": alarms, "took_s": took_s}


if __name__ == "__main__":
    print(json.dumps(_speak(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
