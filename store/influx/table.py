"""The one table of names in InfluxDB: measurements, their tags and their fields; writer and dashboards both read it.

All numbers are floats. Time is sensor time in ns, except where a measurement says otherwise.
"""

from collections.abc import Mapping

import msgspec

from wire.messages import Health

SITE, EDGE, DEVICE, RULE = "site", "edge", "device", "rule"
PRIORITY, SOURCE, ROLE, INSTANCE = "priority", "source", "role", "instance"
MODEL, VERSION, PROCEDURE, STATION = "model", "version", "procedure", "station"
TAGS = (SITE, EDGE, DEVICE, RULE, PRIORITY, SOURCE, ROLE, INSTANCE, MODEL, VERSION, PROCEDURE, STATION)
BODY, CELLS = "body", "cells"  # a whole message, and the wide row of a run: msgpack, deflated, in base64

CONTRIBUTION = "c_"  # before a channel's name: its share of the score
CONTRIBUTIONS = 5  # of a score, those of the largest absolute value
REWRITE_S = 30  # active alarms are rewritten so often, on wall times that this divides
CHANNELS_S = 60  # channels and their limits are rewritten so often
REPORT_S = 10  # so often a role says how it is doing
HEALTH_CODES: Mapping[Health, float] = {Health.RUNNING: 0.0, Health.OFF: 1.0, Health.LEARNING: 2.0, Health.SILENT: 3.0}


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Names of one measurement. `texts` are the fields that are strings; `channels`: fields named after channels too.

    The order of tags is that of a written line; tags of one measurement sort best by name.
    """

    name: str
    tags: tuple[str, ...]
    fields: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    channels: bool = False


READINGS = Measurement(name="readings", tags=(DEVICE, EDGE, SITE), channels=True)
SCORES = Measurement(
    name="scores",
    tags=(DEVICE, EDGE, SITE),
    fields=("score", "late", "model_version"),
    texts=("model",),
    channels=True,  # as c_<channel>
)
SHADOW_SCORES = Measurement(  # of candidates and backtests: the role says which
    name="shadow_scores",
    tags=(DEVICE, EDGE, MODEL, ROLE, SITE, VERSION),
    fields=("score", "late"),
    channels=True,  # as c_<channel>
)
ALARMS = Measurement(  # time: when it changed, its last three digits replaced by the version
    name="alarms",
    tags=(DEVICE, EDGE, PRIORITY, RULE, SITE),
    fields=("version", "active", "unacknowledged", "onset_s", "model_version", "value", "limit"),
    texts=("id", "state", "summary", "cause", "consequence", "response", "channel", "who", "why", "model"),
)
ACTIVE_ALARMS = Measurement(  # wall time
    name="active_alarms",
    tags=(DEVICE, EDGE, PRIORITY, RULE, SITE),
    fields=("active", "unacknowledged"),
    texts=("summary", "state"),
)
CHANNELS = Measurement(  # wall time; the channels of a device as a regular expression
    name="channels", tags=(DEVICE, EDGE, SITE), texts=("names",)
)
LIMITS = Measurement(  # wall time; what the config says, of rule "limit:CHANNEL:HH", H, L or LL
    name="limits", tags=(DEVICE, EDGE, RULE, SITE), fields=("limit",)
)
LIVENESS = Measurement(  # time: the input clock
    name="liveness",
    tags=(DEVICE, EDGE, SITE),
    fields=("code", "silent", "warm", "last_s"),
    texts=("health",),
)
RUNS = Measurement(  # time: when it changed, its last six digits tell runs and changes apart
    name="runs",
    tags=(EDGE, PROCEDURE, SITE, STATION),
    fields=("change", "control", "p_fail", "saved_s", "passed", "failed", "told", "would_stop", "model_version"),
    texts=("run", "unit", "state", "stopped_at", "would_stop_at", "model", BODY, CELLS),
)
ADVICE = Measurement(  # time: the step's end, its last six digits tell runs and steps apart
    name="advice",
    tags=(EDGE, PROCEDURE, SITE, STATION),
    fields=("p_fail", "low", "high", "stop", "would_stop", "done"),
    texts=("step", "run", "unit", "withheld", BODY),
)
SHADOW_ADVICE = Measurement(  # of candidates: as `advice`, which dashboards read, the role says whose
    name="shadow_advice",
    tags=(EDGE, MODEL, PROCEDURE, ROLE, SITE, STATION, VERSION),
    fields=("p_fail", "low", "high", "would_stop", "done"),
    texts=("step", "run", "unit", BODY),
)
MEASURED = Measurement(  # time: the edge's clock, its last six digits tell messages apart
    name="measured",
    tags=(EDGE, SITE),
    texts=("run", BODY),
)
LABELS = Measurement(  # time: when it was made, its last six digits tell labels and their states apart
    name="labels",
    tags=(EDGE, SITE),
    fields=("withdrawn", "from_s", "to_s"),
    texts=("id", "about", "run", "meaning", "who", BODY),
)
GAPS = Measurement(  # time: where it begins, its last three digits tell gaps apart
    name="gaps",
    tags=(DEVICE, EDGE, SITE),
    fields=("from_s", "to_s", "rows"),
    texts=("reason", "source"),
)
SOURCES = Measurement(name="sources", tags=(EDGE, SITE, SOURCE), fields=("connected",), texts=("state", "detail"))
DEAD = Measurement(  # time: its last six digits tell records apart
    name="dead",
    tags=(SITE, SOURCE),
    fields=("count",),
    texts=("reason",),
)
ALL = "all"  # the instance of what is told of a whole group, from the brokers
PIPELINE = Measurement(  # wall time; of role "edge": the edge's clock
    name="pipeline",
    tags=(INSTANCE, ROLE, SITE),
    fields=("lag", "rows", "rate", "dead", "running", "backlog", "outbox_bytes", "hours_left"),
)
MEASUREMENTS: Mapping[str, Measurement] = {
    each.name: each
    for each in (
        READINGS,
        SCORES,
        SHADOW_SCORES,
        ALARMS,
        ACTIVE_ALARMS,
        CHANNELS,
        LIMITS,
        LIVENESS,
        RUNS,
        ADVICE,
        SHADOW_ADVICE,
        MEASURED,
        LABELS,
        GAPS,
        SOURCES,
        DEAD,
        PIPELINE,
    )
}

_TAKEN = frozenset({"", "time", *READINGS.tags})  # with a field of that name, a query for a tag would mean it
_CONTROLS = {code: chr(0x2400 + code) for code in range(0x20)} | {0x7F: "\u2421"}
_BACKSLASH = "\N{FULLWIDTH REVERSE SOLIDUS}"


def shown(name: str) -> str:
    r"""A name as it stands in a tag or a field key, where neither line ends nor some backslashes can be written.

    Control characters become their pictures; a backslash that InfluxDB would take for an escape becomes a wide one.

    >>> shown("PLC\\pump"), shown("two\nlines"), shown("ends with \\")
    ('PLC\\pump', 'two␊lines', 'ends with ＼')
    """  # noqa: RUF002 -- the wide one is the point
    if name.isalnum():
        return name
    text = name.translate(_CONTROLS)
    if "\\" not in text:
        return text
    after = [*text[1:], ""]
    return "".join(
        _BACKSLASH if letter == "\\" and (not then or then in '\\,= "') else letter
        for letter, then in zip(text, after, strict=True)
    )


def channel_field(channel: str) -> str:
    """The field of a channel: its own name, but for those that InfluxDB or a tag has taken, which get a line under.

    >>> channel_field("temperature"), channel_field("time"), channel_field("device"), channel_field("")
    ('temperature', 'time_', 'device_', '_')
    """
    return shown(f"{channel}_" if channel.rstrip("_") in _TAKEN else channel)
