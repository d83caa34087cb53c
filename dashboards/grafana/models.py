"""The dashboard of the models: how scores lie, by version, and how often each version rings."""

from dashboards.grafana.board import Board, Variable, tag_values
from dashboards.grafana.fleet import VARIABLES
from dashboards.grafana.panel import Column, Panel, Threshold, counted
from dashboards.grafana.query import INTERVAL, Target, picked, select
from dashboards.grafana.words import DEVICE, RED, SITE_EDGE
from store.influx.table import ADVICE, ALARMS, LIVENESS, RUNS, SCORES

PICKED = picked("site", "edge", "device")
BY_VERSION = ("model", "model_version")
NO_SCORE = "nothing was scored in this time"
FEW = 100  # stretches of time: the tables are made of one row a device and stretch
_LINE = {"thresholdsStyle": {"mode": "dashed"}, "axisSoftMin": 0, "axisSoftMax": 1.2}
_MODEL = (Column(name="model", shown="Model"), Column(name="model_version", shown="Version", unit="none"))

_LAY = Panel(
    id=1,
    kind="histogram",
    title="How scores lie",
    about="Highest score of each device and stretch of time, counted by size. 1.0 is every model's limit: "
    "a healthy fleet lies far below it.",
    targets=(
        Target(text=select('max("score")', SCORES, where=PICKED, by=["device"], every=INTERVAL), alias="$tag_device"),
    ),
    unit="none",
    empty=NO_SCORE,
    thresholds=(Threshold(1.0, RED),),
    options={"bucketSize": 0.05, "combine": True, "legend": {"showLegend": False}},
    points=FEW,
)
_COURSE = Panel(
    id=2,
    kind="timeseries",
    title="Scores over time",
    about="Half, nine tenths and 99 of 100 scores lie below these lines; a slow rise of all says that models age.",
    targets=(
        Target(
            text=select(
                'percentile("score", 50) AS "half", percentile("score", 90) AS "9 of 10", '
                'percentile("score", 99) AS "99 of 100"',
                SCORES,
                where=PICKED,
                every=INTERVAL,
            ),
            alias="$col",
        ),
    ),
    unit="none",
    empty=NO_SCORE,
    thresholds=(Threshold(1.0, RED),),
    style=_LINE,
)
_SCORES = Panel(
    id=3,
    kind="table",
    title="Scores by model version",
    about="Of each device and stretch of time the highest score, put together by the version that gave it.",
    targets=(
        Target(
            text=select(
                'max("score") AS "score", "model", "model_version"',
                SCORES,
                where=PICKED,
                by=["device"],
                every=INTERVAL,
            ),
            table=True,
        ),
    ),
    unit="none",
    empty=NO_SCORE,
    columns=(
        *_MODEL,
        Column(name="score (count)", shown="Stretches"),
        Column(name="score (mean)", shown="Mean", style={"decimals": 3}),
        Column(name="score (max)", shown="Highest", style={"decimals": 3}),
        Column(name="device (distinctCount)", shown="Devices"),
    ),
    steps=(counted(by=BY_VERSION, of={"score": ["count", "mean", "max"], "device": ["distinctCount"]}),),
    points=FEW,
)
_RINGS = Panel(
    id=4,
    kind="table",
    title="Alarms by model version",
    about="How many alarms each version raised and on how many devices: a new version that rings more is looked at.",
    targets=(
        Target(
            text=select('"id", "model", "model_version", "device"', ALARMS, where=[*PICKED, "\"model\" != ''"]),
            table=True,
        ),
    ),
    unit="none",
    empty="no model has rung in this time",
    columns=(
        *_MODEL,
        Column(name="id (distinctCount)", shown="Alarms"),
        Column(name="device (distinctCount)", shown="Devices"),
    ),
    steps=(counted(by=BY_VERSION, of={"id": ["distinctCount"], "device": ["distinctCount"]}),),
)
_VERSIONS = Panel(
    id=5,
    kind="table",
    title="Version in use",
    width=24,
    about="Which version of which model scored each device last.",
    targets=(
        Target(
            text=select(
                'last("model") AS "model", last("model_version") AS "version", last("score") AS "score"',
                SCORES,
                where=PICKED,
                by=SCORES.tags,
            ),
            table=True,
        ),
    ),
    unit="none",
    empty=NO_SCORE,
    columns=(
        DEVICE,
        Column(name="model", shown="Model"),
        Column(name="version", shown="Version"),
        Column(name="score", shown="Score", style={"decimals": 2}),
        *SITE_EDGE,
    ),
)
_CALLS = Panel(
    id=6,
    kind="table",
    title="Newest calls",
    width=24,
    about="The newest advice of each station: how likely its run fails, after which step, whether costs say stop, and "
    "whether the bench was told.",
    targets=(
        Target(
            text=select(
                'last("done") AS "done", "run", "step", "p_fail", "would_stop", "stop", "withheld"',
                ADVICE,
                where=picked("site", "edge"),
                by=ADVICE.tags,
            ),
            table=True,
        ),
    ),
    unit="string",
    empty="no run was judged in this time",
    columns=(
        Column(name="station", shown="Station"),
        Column(name="procedure", shown="Procedure"),
        Column(name="run", shown="Run"),
        Column(name="step", shown="After step"),
        Column(name="done", shown="Steps done"),
        Column(name="p_fail", shown="P(fails)", unit="percentunit"),
        Column(name="would_stop", shown="Costs say stop", unit="bool_yes_no"),
        Column(name="stop", shown="Told to stop", unit="bool_yes_no"),
        Column(name="withheld", shown="Withheld"),
        *SITE_EDGE,
    ),
)
_RUNS = Panel(
    id=7,
    kind="table",
    title="Test runs",
    width=24,
    about="What became of the newest runs: a row a change of a run, newest first.",
    targets=(
        Target(
            text=select(
                '"run", "unit", "procedure", "station", "state", "would_stop_at", "stopped_at", "saved_s", '
                '"model", "model_version", "site", "edge"',
                RUNS,
                where=picked("site", "edge"),
                end="ORDER BY time DESC LIMIT 200",
            ),
            table=True,
        ),
    ),
    unit="string",
    empty="no run began or ended in this time",
    columns=(
        Column(name="run", shown="Run"),
        Column(name="unit", shown="Unit"),
        Column(name="procedure", shown="Procedure"),
        Column(name="station", shown="Station"),
        Column(name="state", shown="State"),
        Column(name="would_stop_at", shown="Costs said stop after"),
        Column(name="stopped_at", shown="Told to stop after"),
        Column(name="saved_s", shown="Time that saves", unit="s"),
        Column(name="model", shown="Called by"),
        Column(name="model_version", shown="Version"),
        *SITE_EDGE,
    ),
)

MODELS = Board(
    uid="tocsin-models",
    title="Models",
    about="Whether models still fit: how scores lie, by version, and what each version rings. A long time of a big "
    "fleet takes InfluxDB long: pick devices then.",
    panels=(_LAY, _COURSE, _SCORES, _RINGS, _VERSIONS, _CALLS, _RUNS),
    variables=(
        *VARIABLES,
        Variable(name="device", label="Device", query=tag_values("device", LIVENESS, given=["site", "edge"])),
    ),
)
