"""The plant's words for what the core names briefly: rules, states, priorities, health."""

from wire.messages import AlarmState, Health, Priority

PRIORITY_RANK = {Priority.CRITICAL: 0, Priority.HIGH: 1, Priority.MEDIUM: 2, Priority.LOW: 3}
STATE_RANK = {AlarmState.UNACKNOWLEDGED: 0, AlarmState.RETURNED: 1, AlarmState.ACKNOWLEDGED: 2, AlarmState.NORMAL: 3}

STATES = {
    AlarmState.UNACKNOWLEDGED: "Needs acknowledgement",
    AlarmState.ACKNOWLEDGED: "Acknowledged, still there",
    AlarmState.RETURNED: "Gone, not yet acknowledged",
    AlarmState.NORMAL: "Over",
}

HEALTH = {
    Health.RUNNING: "Running",
    Health.LEARNING: "Learning",
    Health.OFF: "Off",
    Health.SILENT: "Silent",
    None: "Unknown",
}

RUNS = {
    "running": "Running",
    "pass": "Passed",
    "fail": "Failed",
    "aborted": "Aborted",
    "broken-off": "Broken off",
}
ADVICE = {"on": "On: benches are told", "shadow": "Shadow: recorded, not told", "off": "Off"}
WITHHELD = {
    "shadow": "not told: in shadow",
    "control": "not told: always tested to the end",
    "off": "not told: off",
    "no-model": "no model yet",
    "late": "not told: too late",
    "over": "not told: the run is over",
    "candidate": "only tried",
}
MEANINGS = {
    "anomaly": "True alarm",
    "normal": "False alarm",
    "maintenance": "Maintenance done",
    "pass": "Passed",
    "fail": "Failed",
}

_LEVELS = {"HH": "far too high", "H": "too high", "L": "too low", "LL": "far too low"}
_RULES = {
    "anomaly": "Unusual behaviour",
    "life": "Little life is left",
    "outcome": "Failure is expected",
    "drift": "Normal has drifted",
    "silent": "No data",
    "stuck": "Value is stuck",
    "range": "Impossible value",
    "clock": "Clock is wrong",
    "conflict": "Two edges claim this name",
    "gap": "Data was lost",
    "sequence": "Batches are missing",
    "set-back": "The log is an older copy",
    "state-lost": "Watching started anew",
    "late": "Odd during the outage",
    "model": "Model does not watch",
    "model-previous": "An older model watches",
    "model-refused": "Model is not put to work",
    "model-of-runs": "Model does not judge runs",
    "model-drift": "Model meets what is new to it",
    "run-will-fail": "Unit is expected to fail",
    "crowded": "Too many names",
    "source": "Source has failed",
    "edge-silent": "Edge is silent",
}


def rule(name: str) -> str:
    """A rule in words; one nobody knows is shown as it is named.

    >>> rule("limit:temperature:HH"), rule("silent:flow"), rule("anomaly")
    ('temperature: far too high', 'flow: no data', 'Unusual behaviour')
    """
    kind, _, rest = name.partition(":")
    channel, _, level = rest.rpartition(":")
    if kind == "limit" and level in _LEVELS:
        return f"{channel}: {_LEVELS[level]}"
    known = _RULES.get(kind, kind.replace("-", " ").capitalize())
    return f"{rest}: {known[0].lower()}{known[1:]}" if rest and known else known
