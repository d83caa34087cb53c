"""The dashboard of one device: signals, limits, score and what made it, alarms, liveness, gaps."""

from collections.abc import Mapping

from dashboards.grafana.board import Board, Note, Variable, tag_values
from dashboards.grafana.fleet import VARIABLES
from dashboards.grafana.panel import Column, Panel, Threshold, renamed
from dashboards.grafana.query import INTERVAL, Target, picked, select
from dashboards.grafana.words import BLUE, HEALTH_BY_CODE, ORANGE, PRIORITY, RED, STATE, UNKNOWN_ROWS
from store.influx.table import ALARMS, CHANNELS, CONTRIBUTION, GAPS, LIMITS, LIVENESS, READINGS, SCORES

PICKED = picked("site", "edge", "device")
GAPS_OF_IT = (*picked("site", "edge"), f"({picked('device')[0]} OR \"device\" = '*')")  # * is all of a source
NOTHING = "nothing of this device in this time"
_EXTREMES = {"mean": "mean", "min": "lowest", "max": "highest"}
_LIMITS = {"HH": RED, "H": ORANGE, "L": ORANGE, "LL": RED}


def _dashed(colour: str) -> Mapping[str, object]:
    line = {"dash": [10, 10], "fill": "dash"}
    return {"custom.lineStyle": line, "color": {"mode": "fixed", "fixedColor": colour}}


_SIGNALS = Panel(
    id=1,
    kind="timeseries",
    title="Signals",
    about="All channels, the mean of each stretch of time. Extremes and limits stand below, a panel a channel.",
    targets=(
        Target(
            text=select("mean(/^(${signals:raw})$/)", READINGS, where=PICKED, every=INTERVAL, fill="null"), alias="$col"
        ),
    ),
    unit="short",
    empty=NOTHING,
    width=24,
    steps=(renamed("^mean_(.*)$", "$1"),),
)
_CHANNEL = Panel(
    id=2,
    kind="timeseries",
    title="Limits: $channel",
    about="Mean, lowest and highest value, and the limits from the config; one panel a channel that has limits.",
    targets=(
        Target(
            text=select(
                ", ".join(f'{what}("${{channel:raw}}") AS "{name}"' for what, name in _EXTREMES.items()),
                READINGS,
                where=PICKED,
                every=INTERVAL,
                fill="null",
            ),
            alias="$col",
        ),
        Target(
            text=select(
                'last("limit")',
                LIMITS,
                where=[*PICKED, '"rule" =~ /^limit:${channel:regex}:(HH|H|L|LL)$/'],
                by=["rule"],
                every=INTERVAL,
                fill="previous",
            ),
            alias="$tag_rule",
        ),
    ),
    unit="short",
    empty="no value of this channel in this time, or no channel that has limits in the config",
    width=24,
    columns=(
        Column(name="highest", style={"custom.fillBelowTo": "lowest", "custom.fillOpacity": 25, "custom.lineWidth": 0}),
        Column(name="lowest", style={"custom.lineWidth": 0}),
        *(Column(name=name, style=_dashed(colour)) for name, colour in _LIMITS.items()),
    ),
    steps=(renamed("^limit:.*:(HH|H|L|LL)$", "$1"),),
    repeat="channel",
)
_SCORE = Panel(
    id=3,
    kind="timeseries",
    title="Score",
    about="How odd the device behaves, the highest of each stretch. 1.0 is the model's limit; an alarm needs several.",
    targets=(
        Target(text=select('max("score")', SCORES, where=PICKED, every=INTERVAL, fill="null"), alias="score"),
        Target(text=select('max("late")', SCORES, where=[*PICKED, '"late" = 1'], every=INTERVAL), alias="scored late"),
    ),
    unit="none",
    empty="no score: the device is off, learning, or silent",
    thresholds=(Threshold(1.0, RED),),
    columns=(
        Column(
            name="scored late", style={"custom.drawStyle": "points", "color": {"mode": "fixed", "fixedColor": BLUE}}
        ),
    ),
    style={"thresholdsStyle": {"mode": "line+area"}, "axisSoftMin": 0, "axisSoftMax": 1.2},
)
_SHARES = Panel(
    id=4,
    kind="timeseries",
    title="What made the score",
    about="The share of each channel in the score, mean of each stretch; kept only where the score is 0.5 or more.",
    targets=(
        Target(
            text=select(
                f"mean(/^{CONTRIBUTION}(${{signals:raw}})$/)", SCORES, where=PICKED, every=INTERVAL, fill="null"
            ),
            alias="$col",
        ),
    ),
    unit="none",
    empty="no score of 0.5 or more in this time",
    steps=(renamed(f"^mean_{CONTRIBUTION}(.*)$", "$1"),),
    style={"drawStyle": "bars", "fillOpacity": 60, "stacking": {"mode": "normal", "group": "A"}},
    points=240,
)
_LIVENESS = Panel(
    id=5,
    kind="state-timeline",
    title="Liveness",
    about="Running, off, learning or silent; a hole is a time in which its edge was not heard either.",
    targets=(
        Target(text=select('last("code")', LIVENESS, where=PICKED, every=INTERVAL, fill="null"), alias="$device"),
    ),
    unit="none",
    empty="the device was not heard in this time",
    height=5,
    words=HEALTH_BY_CODE,
    least="30s",
)
_LEARNT = Panel(
    id=6,
    kind="timeseries",
    title="Learnt",
    about="How much of its learning the detector has done; below 100 % it judges little or nothing.",
    targets=(Target(text=select('last("warm")', LIVENESS, where=PICKED, every=INTERVAL), alias="learnt"),),
    unit="percentunit",
    empty="the device was not heard in this time",
    height=5,
    style={"axisSoftMin": 0, "axisSoftMax": 1},
)
_ALARMS = Panel(
    id=7,
    kind="table",
    title="Alarms",
    about="Every change of an alarm of this device, the newest first, with what to do.",
    targets=(
        Target(
            text=select(
                '"priority", "rule", "state", "summary", "cause", "response", "who", "why"',
                ALARMS,
                where=PICKED,
                end="ORDER BY time DESC LIMIT 200",
            ),
            table=True,
        ),
    ),
    unit="string",
    empty="no alarm of this device in this time",
    width=24,
    columns=(
        Column(name="Time", shown="Changed", width=155),
        PRIORITY,
        STATE,
        Column(name="rule", shown="Rule", width=150),
        Column(name="summary", shown="What", width=300),
        Column(name="cause", shown="Cause"),
        Column(name="response", shown="What to do"),
        Column(name="who", shown="Who", width=80),
        Column(name="why", shown="Why", width=80),
    ),
)
_GAPS = Panel(
    id=8,
    kind="table",
    title="Gaps",
    about="Stretches in which rows of this device, or of all of its source, are known to be lost or thinned, and why.",
    targets=(
        Target(
            text=select(
                '"from_s" * 1000 AS "from", "to_s" * 1000 AS "to", "rows" AS "lost", "reason", "source"',
                GAPS,
                where=GAPS_OF_IT,
                end="ORDER BY time DESC LIMIT 200",
            ),
            table=True,
        ),
    ),
    unit="string",
    empty="no known gap in this time",
    width=24,
    height=6,
    columns=(
        Column(name="from", shown="From", unit="dateTimeAsIso"),
        Column(name="to", shown="To", unit="dateTimeAsIso"),
        Column(name="lost", shown="Rows lost", unit="none", words=UNKNOWN_ROWS),
        Column(name="reason", shown="Reason"),
        Column(name="source", shown="Source"),
    ),
)

DEVICE = Board(
    uid="tocsin-device",
    title="Device",
    about="One device: what it sends, how odd that is and why, what rang, and what is missing.",
    panels=(_SIGNALS, _SCORE, _SHARES, _LIVENESS, _LEARNT, _CHANNEL, _ALARMS, _GAPS),
    variables=(
        *VARIABLES,
        Variable(
            name="device",
            label="Device",
            query=tag_values("device", LIVENESS, given=["site", "edge"]),
            several=False,
        ),
        Variable(  # a query for all fields would bring the channels of all other devices, empty
            name="signals",
            label="Signals",
            query=select('last("names")', CHANNELS, where=picked("site", "edge", "device")),
            several=False,
            hidden=True,
        ),
        Variable(
            name="channel",
            label="Limits of",
            query=tag_values("rule", LIMITS, given=["site", "edge", "device"]),
            every=None,
            pattern="/^limit:(.*):(?:HH|H|L|LL)$/",
        ),
    ),
    notes=(
        Note(
            name="Alarms",
            query=select('"summary", "priority", "state"', ALARMS, where=PICKED, end="ORDER BY time DESC LIMIT 200"),
            text="summary",
            tags="priority,state",
            colour=ORANGE,
        ),
        Note(
            name="Gaps",
            query=select('"reason", "source"', GAPS, where=GAPS_OF_IT, end="ORDER BY time DESC LIMIT 200"),
            text="reason",
            tags="source",
            colour=BLUE,
        ),
    ),
    page="/device/${device:percentencode}",
    span="1h",
)
