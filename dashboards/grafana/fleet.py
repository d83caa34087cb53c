"""The dashboard of the whole fleet: who is well, what rings, who is silent."""

from dashboards.grafana.board import Board, Variable, tag_values
from dashboards.grafana.panel import Column, Panel, Threshold, merged
from dashboards.grafana.query import INTERVAL, Target, of_those, picked, select
from dashboards.grafana.words import DEVICE, HEALTH, HEALTH_BY_CODE, PRIORITIES, PRIORITY, RED, SITE_EDGE, STATE
from store.influx.table import ACTIVE_ALARMS, LIVENESS
from wire.messages import Priority

RECENT = "5m"  # active alarms are written each half minute: what is not seen so long does not stand
PICKED = picked("site", "edge")
VARIABLES = (
    Variable(name="site", label="Site", query=tag_values("site", LIVENESS)),
    Variable(name="edge", label="Edge", query=tag_values("edge", LIVENESS, given=["site"])),
)
_NEWEST = 'last("active") AS "active", last("summary") AS "summary", last("state") AS "state"'


def standing(*where: str) -> str:
    """The query for alarms that stand, one row each."""
    inner = select(_NEWEST, ACTIVE_ALARMS, where=[*PICKED, *where], by=ACTIVE_ALARMS.tags)
    return of_those('"summary", "state"', inner, where='"active" = 1', by=ACTIVE_ALARMS.tags)


def _priority(name: Priority) -> str:
    return f"\"priority\" = '{name.value}'"


def _count(place: int, name: Priority) -> Panel:
    inner = select('last("active") AS "active"', ACTIVE_ALARMS, where=[*PICKED, _priority(name)], by=ACTIVE_ALARMS.tags)
    return Panel(
        id=10 + place,
        kind="stat",
        title=f"{PRIORITIES[name].text} alarms",
        about=f"Alarms of priority {name.value} that stand now, acknowledged or not.",
        targets=(Target(text=of_those('count("active")', inner, where='"active" = 1'), alias=name.value),),
        unit="none",
        empty="none",
        width=4,
        height=4,
        thresholds=(Threshold(1, PRIORITIES[name].colour),),
        back=RECENT,
    )


def _alarm_table(place: int, title: str, about: str, targets: tuple[Target, ...], empty: str) -> Panel:
    return Panel(
        id=place,
        kind="table",
        title=title,
        about=about,
        targets=targets,
        unit="string",
        empty=empty,
        width=24,
        columns=(
            PRIORITY,
            DEVICE,
            STATE,
            Column(name="summary", shown="What"),
            Column(name="rule", shown="Rule", width=180),
            *SITE_EDGE,
        ),
        steps=(merged(),),
        back=RECENT,
    )


_SILENT_DEVICES = Panel(
    id=20,
    kind="stat",
    title="Silent devices",
    about="Devices that were last said to be silent. A device whose edge is down too says nothing: see the next table.",
    targets=(
        Target(
            text=of_those(
                'sum("silent")', select('last("silent") AS "silent"', LIVENESS, where=PICKED, by=LIVENESS.tags)
            ),
            alias="silent",
        ),
    ),
    unit="none",
    empty="no device was heard",
    width=4,
    height=4,
    thresholds=(Threshold(1, RED),),
)
_KNOWN_DEVICES = Panel(
    id=21,
    kind="stat",
    title="Devices heard",
    about="Devices of which anything was heard in the time shown.",
    targets=(
        Target(
            text=of_those('count("code")', select('last("code") AS "code"', LIVENESS, where=PICKED, by=LIVENESS.tags)),
            alias="heard",
        ),
    ),
    unit="none",
    empty="no device was heard",
    width=4,
    height=4,
)
_HEALTH = Panel(
    id=1,
    kind="table",
    title="Health by device",
    about="How each device was doing when it was last heard; a device that learns is not judged yet.",
    targets=(
        Target(
            text=select(
                'last("health") AS "health", last("warm") AS "warm", last("last_s") * 1000 AS "newest"',
                LIVENESS,
                where=PICKED,
                by=LIVENESS.tags,
            ),
            table=True,
        ),
    ),
    unit="string",
    empty="no device was heard in this time",
    width=12,
    height=10,
    columns=(
        DEVICE,
        Column(name="health", shown="Health", words=tuple(HEALTH.values()), width=110),
        Column(name="warm", shown="Learnt", unit="percentunit", width=75),
        Column(name="newest", shown="Newest row", unit="dateTimeFromNow", width=140),
        *SITE_EDGE,
    ),
)
_COURSE = Panel(
    id=2,
    kind="state-timeline",
    title="Health over time",
    about="Running, off, learning or silent; a hole is a time in which the edge was not heard either. Pick an edge "
    "above when there are many devices.",
    targets=(
        Target(
            text=select('last("code")', LIVENESS, where=PICKED, by=LIVENESS.tags, every=INTERVAL, fill="null"),
            alias="$tag_device",
        ),
    ),
    unit="none",
    empty="no device was heard in this time",
    width=12,
    height=10,
    words=HEALTH_BY_CODE,
    least="30s",
    points=240,
)
_ACTIVE = _alarm_table(
    3,
    "Active alarms",
    "Alarms that stand now, the most urgent first. Acknowledge them on Tocsin's page: the state is a link to it.",
    tuple(Target(text=standing(_priority(name)), table=True) for name in Priority),
    "no alarm stands",
)
_SILENT = _alarm_table(
    4,
    "Silent sensors, devices and edges",
    "What has sent nothing for longer than its own deadline, from the alarms that stand now.",
    (Target(text=standing('"rule" =~ /^(silent|edge-silent)/'), table=True),),
    "nothing is silent",
)

FLEET = Board(
    uid="tocsin-fleet",
    title="Fleet overview",
    about="Who is well, what rings, who is silent. Click a device to see its signals.",
    panels=(
        *(_count(place, name) for place, name in enumerate(Priority)),
        _SILENT_DEVICES,
        _KNOWN_DEVICES,
        _ACTIVE,
        _HEALTH,
        _COURSE,
        _SILENT,
    ),
    variables=VARIABLES,
)
