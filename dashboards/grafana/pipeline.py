"""The dashboard of the pipeline itself: whether what is sent is stored, how late, and what was lost."""

import msgspec

from dashboards.grafana.board import Board, Variable, tag_values
from dashboards.grafana.panel import Column, Panel, Threshold
from dashboards.grafana.query import INTERVAL, Target, picked, select
from dashboards.grafana.words import RED, RUNNING, SITE_EDGE, SOURCE_STATES, UNKNOWN_ROWS
from store.influx.table import ALL, DEAD, GAPS, PIPELINE, SOURCES

PICKED = picked("site")
BY_ROLE = ("role", "instance")
LAG_HIGH, LAG_LOW = 5000, 1000  # records; an edge sends one at least every 2 s
LAST_STATES = "30d"  # a source's state is written when it changes
RECENT = "5m"
EDGES, NO_EDGE = "\"role\" = 'edge'", "\"role\" != 'edge'"
EACH = f"\"instance\" != '{ALL}'"


def _course(
    place: int, title: str, about: str, what: str, unit: str, *, where: str, by: tuple[str, ...], empty: str
) -> Panel:
    return Panel(
        id=place,
        kind="timeseries",
        title=title,
        about=about,
        targets=(
            Target(
                text=select(what, PIPELINE, where=[*PICKED, where], by=by, every=INTERVAL, fill="null"),
                alias=" ".join(f"$tag_{name}" for name in by),
            ),
        ),
        unit=unit,
        empty=empty,
        style={"axisSoftMin": 0},
        least="30s",
    )


_RUNNING = Panel(
    id=1,
    kind="state-timeline",
    title="Who runs",
    about="Which sinks, workers, archives and edges are heard of; a hole says that one ended without a word.",
    targets=(
        Target(
            text=select('last("running")', PIPELINE, where=[*PICKED, EACH], by=BY_ROLE, every=INTERVAL, fill="null"),
            alias="$tag_role $tag_instance",
        ),
    ),
    unit="none",
    empty="no part has reported in this time: nothing is being stored",
    words=RUNNING,
    least="30s",
    height=10,
)
_WORKERS = Panel(
    id=11,
    kind="table",
    title="Sinks and workers now",
    about="Of the last 5 min. A sink's rate is in lines a second, a worker's in inputs a second; dead are dead letters "
    "that a sink wrote since its start.",
    targets=(
        Target(
            text=select(
                ", ".join(f'last("{name}") AS "{name}"' for name in ("lag", "rate", "dead")),
                PIPELINE,
                where=[*PICKED, EACH, NO_EDGE],
                by=BY_ROLE,
            ),
            table=True,
        ),
    ),
    unit="none",
    empty="no part has reported within 5 min: nothing is being stored",
    height=10,
    columns=(
        Column(name="role", shown="Part"),
        Column(name="instance", shown="Name"),
        Column(name="lag", shown="Records behind"),
        Column(name="rate", shown="A second", style={"decimals": 1}),
        Column(name="dead", shown="Dead letters"),
    ),
    back=RECENT,
)
_SOURCES = Panel(
    id=2,
    kind="table",
    title="Sources",
    about="The newest state of each input of each edge, of the last 30 days.",
    targets=(
        Target(
            text=select('last("state") AS "state", last("detail") AS "detail"', SOURCES, where=PICKED, by=SOURCES.tags),
            table=True,
        ),
    ),
    unit="string",
    empty="no source has told its state",
    columns=(
        *SITE_EDGE,
        Column(name="source", shown="Source"),
        Column(name="state", shown="State", words=SOURCE_STATES, width=150),
        Column(name="detail", shown="Detail"),
    ),
    back=LAST_STATES,
)
_LAG = _course(
    3,
    "Lag",
    "Records on the bus that are not scored or stored yet. It should fall back after each outage.",
    'max("lag")',
    "suffix:records",
    where=NO_EDGE,
    by=("role",),
    empty="no part has reported its lag",
)
_RATE = _course(
    4,
    "Rate of sinks and workers",
    "A sink's in lines a second, a worker's in inputs a second; one input carries many rows.",
    'mean("rate")',
    "suffix:/s",
    where=EACH,
    by=BY_ROLE,
    empty="no part has reported its rate",
)
_READ = _course(
    12,
    "Rows read by the edges",
    "Rows a second that each edge has put on its disk.",
    'non_negative_derivative(max("rows"), 1s)',
    "suffix:rows/s",
    where=EDGES,
    by=("instance",),
    empty="no edge was heard in this time",
)
_BACKLOG = _course(
    6,
    "Waiting at the edges",
    "Batches that an edge has kept and not sent yet, as it told with a batch; after an outage it is told belatedly.",
    'max("backlog")',
    "suffix:batches",
    where=EDGES,
    by=("instance",),
    empty="no edge was heard in this time",
)
_HOURS = _course(
    5,
    "Room in the outboxes",
    "For how long each edge can keep what it cannot send, at its present rate. An edge that cannot send cannot tell "
    "this either: ask its /metrics.",
    'min("hours_left")',
    "h",
    where=EDGES,
    by=("instance",),
    empty="no edge was heard in this time",
)
_DEAD = Panel(
    id=7,
    kind="timeseries",
    title="Dead letters",
    about="Inputs that nobody could decode, score or store, kept with their reason: tocsin dead list.",
    targets=(
        Target(
            text=select('sum("count")', DEAD, where=PICKED, by=["source"], every=INTERVAL, fill="0"),
            alias="$tag_source",
        ),
    ),
    unit="suffix:inputs",
    empty="no dead letter in this time",
    style={"drawStyle": "bars", "fillOpacity": 60, "axisSoftMin": 0},
    points=120,
)
_LOST = Panel(
    id=8,
    kind="timeseries",
    title="Rows lost in gaps",
    about="Rows known to be lost or thinned, by the time at which the gap begins.",
    targets=(
        Target(
            text=select('sum("rows")', GAPS, where=[*PICKED, '"rows" > 0'], by=["edge"], every=INTERVAL, fill="0"),
            alias="$tag_edge",
        ),
    ),
    unit="suffix:rows",
    empty="no known gap in this time",
    style={"drawStyle": "bars", "fillOpacity": 60, "axisSoftMin": 0},
    points=120,
)
_REASONS = Panel(
    id=9,
    kind="table",
    title="Newest dead letters",
    about="Why inputs were refused. See one whole with tocsin dead show, give it in again with tocsin dead retry.",
    targets=(
        Target(
            text=select('"source", "reason", "count"', DEAD, where=PICKED, end="ORDER BY time DESC LIMIT 100"),
            table=True,
        ),
    ),
    unit="string",
    empty="no dead letter in this time",
    columns=(
        Column(name="Time", width=155),
        Column(name="source", shown="Source", width=120),
        Column(name="reason", shown="Reason"),
        Column(name="count", shown="Inputs", unit="none", width=80),
    ),
)
_GAPS = Panel(
    id=10,
    kind="table",
    title="Newest gaps",
    about="Stretches known to be lost or thinned, of all devices.",
    targets=(
        Target(
            text=select(
                '"edge", "device", "to_s" - "from_s" AS "lasted", "rows" AS "lost", "reason"',
                GAPS,
                where=PICKED,
                end="ORDER BY time DESC LIMIT 100",
            ),
            table=True,
        ),
    ),
    unit="string",
    empty="no known gap in this time",
    columns=(
        Column(name="Time", shown="From", width=155),
        Column(name="lasted", shown="Lasted", unit="s", width=80),
        Column(name="edge", shown="Edge", width=110),
        Column(name="device", shown="Device", width=100),
        Column(name="lost", shown="Rows lost", unit="none", width=95, words=UNKNOWN_ROWS),
        Column(name="reason", shown="Reason"),
    ),
)


def _with_threshold(panel: Panel, threshold: Threshold) -> Panel:
    shown = {"thresholdsStyle": {"mode": "dashed"}}
    return msgspec.structs.replace(panel, thresholds=(threshold,), style=dict(panel.style) | shown)


PIPELINE_BOARD = Board(
    uid="tocsin-pipeline",
    title="Pipeline",
    about="Whether what is sent is stored: lag, rates, what was refused, what was lost, who runs.",
    panels=(
        _RUNNING,
        _WORKERS,
        _with_threshold(_LAG, Threshold(LAG_HIGH, RED)),
        _RATE,
        _READ,
        _BACKLOG,
        _HOURS,
        _SOURCES,
        _DEAD,
        _LOST,
        _REASONS,
        _GAPS,
    ),
    variables=(Variable(name="site", label="Site", query=tag_values("site", PIPELINE)),),
    page="/health",
)
