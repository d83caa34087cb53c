"""The alert rules: what a person is told when nobody looks at the page."""

from collections.abc import Sequence

from dashboards.grafana.pipeline import LAG_HIGH, LAG_LOW
from dashboards.grafana.query import select
from dashboards.grafana.rule import Group, Rule
from store.influx.table import ACTIVE_ALARMS, ALL, DEAD, LIVENESS, PIPELINE
from wire.messages import Priority

HALF = 0.5  # between the 0 and 1 of a flag
STANDING_S = 600  # alarms that stand are written each half minute; so long they stand when the sink does not write
REPORTS = "2m"  # a part reports 12 times in it
DAY_S = 86_400
WHOLE = f"\"instance\" = '{ALL}'"
_RING = 'last("active")'
_NO_OTHERS = ("\"rule\" != 'silent'", "\"rule\" != 'edge-silent'")  # these two have rules of their own below
_DEVICE_PATH = '/device/{{ reReplaceAll "\\\\+" "%20" (urlquery .Labels.device) }}'
_DEVICE = "{{ .Labels.device }} (edge {{ .Labels.edge }}, site {{ .Labels.site }})"
_KINDS = (  # the rule's name begins so: its cause, what to do
    ("limit:", "A value is outside its limits.", "Bring the value back or stop the machine."),
    ("anomaly", "The readings do not fit what was learnt of this machine.", "Look at the channels named on the page."),
    ("life", "It is like machines that failed soon after.", "Plan its service within what is left."),
    ("outcome", "It is like units that failed.", "Look at the channels named on the page; stop, repair or go on."),
    ("drift", "The machine's normal has moved too far.", "Service it, or accept the present normal on the page."),
    ("silent", "A sensor has sent no value for too long.", "Check the sensor and its wiring."),
    ("stuck", "A sensor repeats one value.", "Check the sensor; restart its gateway."),
    ("range", "A sensor shows what no healthy one shows.", "Check the sensor and its wiring."),
    ("source", "A port or a broker is not to be reached.", "Do what the alarm's detail on the page says."),
    ("conflict", "Two edges send a device of this name.", "Rename one of them, or stop the old one."),
)


def _by_rule(place: int) -> str:
    """A template that says what is known of the kind of alarm; Grafana also fills it in where there is no data."""
    cases = [f'if match "^{kind[0]}" . }}}}{kind[place]}' for kind in _KINDS]
    known = "{{ " + "{{ else ".join(cases) + "{{ else }}See the alarm on the page.{{ end }}"
    return "{{ with .Labels.rule }}" + known + "{{ end }}"


def _ringing(place: int, priorities: Sequence[Priority], wait: str) -> Rule:
    names = [priority.value for priority in priorities]
    only = " OR ".join(f"\"priority\" = '{name}'" for name in names)
    return Rule(
        uid=f"tocsin-alarm-{names[0]}",
        title=f"Alarm of priority {' or '.join(names)}",
        query=select(_RING, ACTIVE_ALARMS, where=[f"({only})", *_NO_OTHERS], by=ACTIVE_ALARMS.tags),
        back_s=STANDING_S,
        limit=HALF,
        over=HALF,
        wait=wait,
        summary="{{ .Labels.device }}: {{ .Labels.rule }} rings, priority {{ .Labels.priority }}",
        device=_DEVICE,
        cause=_by_rule(1),
        response=_by_rule(2) + " Then acknowledge the alarm on the page.",
        path=_DEVICE_PATH,
        board="tocsin-fleet",
        panel=3 if place else 10,
        kind="alarm",
    )


_SILENT = Rule(
    uid="tocsin-device-silent",
    title="Device silent",
    query=select('last("silent")', LIVENESS, by=LIVENESS.tags),
    back_s=3600,  # what is not heard of at all is not judged here: its edge is
    limit=HALF,
    over=HALF,
    summary="{{ .Labels.device }} has sent nothing for longer than it may",
    device=_DEVICE,
    cause="The device is off, its cable or network is broken, or its program has stopped.",
    response="Check power and connection of the device and the state of its source.",
    path=_DEVICE_PATH,
    board="tocsin-fleet",
    panel=4,
    kind="liveness",
)
_EDGE_SILENT = Rule(
    uid="tocsin-edge-silent",
    title="Edge silent",
    query=select(_RING, ACTIVE_ALARMS, where=["\"rule\" = 'edge-silent'"], by=ACTIVE_ALARMS.tags),
    back_s=STANDING_S,
    limit=HALF,
    over=HALF,
    summary="edge {{ .Labels.edge }} is not heard: none of its devices is watched",
    device="every device of edge {{ .Labels.edge }}, site {{ .Labels.site }}",
    cause="The edge's machine or program is down, or its connection is.",
    response="Check the edge's machine and its network. What it records meanwhile waits in its outbox.",
    path="/health",
    board="tocsin-fleet",
    panel=4,
    kind="liveness",
)


_NO_SINK = Rule(
    uid="tocsin-sink-down",
    title="Nothing is stored",
    query=select(
        'moving_average(sum("running"), 2)', PIPELINE, where=["\"role\" = 'sink'"], by=["site"], every=REPORTS, fill="0"
    ),
    back_s=DAY_S,  # a sink that ended within a day leaves stretches of 0, not a hole; the newest has only just begun
    limit=HALF,
    over=HALF,
    side="lt",
    wait="1m",
    missing="Alerting",
    summary="no sink runs: nothing is stored, and alarms here are not renewed",
    device="every device of the site",
    cause="Every tocsin sink has ended, or cannot reach InfluxDB.",
    response="Start tocsin sink again and read what it says; what came meanwhile waits on the bus.",
    path="/health",
    board="tocsin-pipeline",
    panel=1,
    kind="pipeline",
)
_NO_WORKER = Rule(
    uid="tocsin-stream-down",
    title="Nothing is scored",
    query=select('last("running")', PIPELINE, where=["\"role\" = 'stream'", WHOLE], by=["site"]),
    back_s=STANDING_S,
    limit=HALF,
    over=HALF,
    side="lt",
    wait="1m",  # a restart is no reason
    summary="no stream worker runs: machines are recorded but not watched",
    device="every device of site {{ .Labels.site }}",
    cause="Every tocsin stream has ended, or cannot reach the bus.",
    response="Start tocsin stream again and read what it says; it goes on where it stopped.",
    path="/health",
    board="tocsin-pipeline",
    panel=1,
    kind="pipeline",
)
_LAG = Rule(
    uid="tocsin-lag",
    title="Pipeline lags",
    query=select('mean("lag")', PIPELINE, where=[f"({WHOLE} OR \"role\" = 'sink')"], by=["site", "role"]),
    back_s=300,
    limit=LAG_HIGH,
    over=LAG_LOW,
    wait="5m",
    summary="{{ .Labels.role }} is thousands of records behind",
    device="every device of site {{ .Labels.site }}",
    cause="More comes in than is worked: a backlog after an outage, too few workers, or a slow InfluxDB.",
    response="After an outage, wait: it should fall. Else look for a slow disk, or start one more of this part.",
    path="/health",
    board="tocsin-pipeline",
    panel=3,
    kind="pipeline",
)
_DEAD = Rule(
    uid="tocsin-dead-letters",
    title="Dead letters",
    query=select('sum("count")', DEAD, by=DEAD.tags),
    back_s=900,
    limit=HALF,
    over=HALF,
    summary="inputs from {{ .Labels.source }} were refused in the last 15 min",
    device="what source {{ .Labels.source }} sends, site {{ .Labels.site }}",
    cause="What came cannot be decoded, scored or stored: a changed format, a broken device, another version.",
    response="Run tocsin dead list to see why; when the cause is gone, tocsin dead retry gives them in again.",
    path="/health",
    board="tocsin-pipeline",
    panel=9,
    kind="pipeline",
)

GROUPS = (
    Group(
        name="tocsin-alarms",
        every_s=30,
        rules=(
            _ringing(0, [Priority.CRITICAL], "0s"),
            _ringing(1, [Priority.HIGH], "0s"),
            _ringing(2, [Priority.MEDIUM, Priority.LOW], "1m"),
            _SILENT,
            _EDGE_SILENT,
        ),
    ),
    Group(
        name="tocsin-pipeline",
        every_s=60,
        rules=(
            _NO_SINK,
            _NO_WORKER,
            _LAG,
            _DEAD,
        ),
    ),
)
