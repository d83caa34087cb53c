"""The alarm rules as rows: how soon, why, what follows and what to do; a new rule is one row here."""

from collections.abc import Mapping

import msgspec

from wire.messages import NS_PER_S, Priority


class Rule(msgspec.Struct, frozen=True):
    """One row. `{device}`, `{channel}` and the facts of the moment go into `summary`.

    `quiet_ns`: the rule tells of an event, and its alarm returns by itself when none came for that long.
    """

    priority: Priority
    summary: str
    cause: str
    consequence: str
    response: str
    quiet_ns: int = 0


RULES: Mapping[str, Rule] = {
    "limit:HH": Rule(
        Priority.CRITICAL,
        "{device}: {channel} {value} is at or above HH {limit}",
        "The process or the machine left its permitted range.",
        "Damage or a trip may follow at once.",
        "Bring the value down or stop the machine.",
    ),
    "limit:LL": Rule(
        Priority.CRITICAL,
        "{device}: {channel} {value} is at or below LL {limit}",
        "The process or the machine left its permitted range.",
        "Damage or a trip may follow at once.",
        "Bring the value up or stop the machine.",
    ),
    "limit:H": Rule(
        Priority.HIGH,
        "{device}: {channel} {value} is at or above H {limit}",
        "The process or the machine nears the end of its permitted range.",
        "HH may be reached.",
        "Find out why it rises and act before HH is reached.",
    ),
    "limit:L": Rule(
        Priority.HIGH,
        "{device}: {channel} {value} is at or below L {limit}",
        "The process or the machine nears the end of its permitted range.",
        "LL may be reached.",
        "Find out why it falls and act before LL is reached.",
    ),
    "anomaly": Rule(
        Priority.MEDIUM,
        "{device} behaves unlike its normal: score {score}, most by {channels}",
        "The readings do not fit what was learnt of this machine: wear, a fault, a bad sensor, a new way of running.",
        "A failure may be developing.",
        "Look at the named channels and at the machine; acknowledge, or accept it as the new normal.",
    ),
    "life": Rule(
        Priority.HIGH,
        "{device} is expected to last {life} more as its training counts, between {low} and {high}; most by {channels}",
        "The readings are like those of machines that failed soon after.",
        "It will fail if nothing is done.",
        "Look at the named channels, and plan its service within what is left.",
    ),
    "outcome": Rule(
        Priority.HIGH,
        "{device} is expected to fail: probability {probability}, most by {channels}",
        "The readings are like those of units that failed.",
        "What is spent on it from here on may be wasted.",
        "Look at the named channels; stop, repair or go on.",
    ),
    "drift": Rule(
        Priority.MEDIUM,
        "{device}: its normal has moved further than allowed from where it began, most in {channels}",
        "Slow wear, fouling, a drifting sensor, or a lasting change of the process.",
        "What was odd may come to pass for normal.",
        "Find the reason; then service the machine, or accept the present normal.",
    ),
    "silent": Rule(
        Priority.HIGH,
        "{device} has sent nothing for {after}",
        "The device is off, its cable or network is broken, or its program has stopped.",
        "The machine is not watched.",
        "Check power and connection of the device and the state of its source.",
    ),
    "silent-channel": Rule(
        Priority.MEDIUM,
        "{device}: {channel} has sent no value for {after}, other channels go on",
        "The sensor is unplugged or broken, or its name changed.",
        "This quantity is not watched.",
        "Check the sensor and its wiring.",
    ),
    "stuck": Rule(
        Priority.MEDIUM,
        "{device}: {channel} has shown exactly {value} for {after}",
        "The sensor is frozen, or its gateway repeats the last value.",
        "This quantity is not watched.",
        "Check the sensor; restart its gateway.",
    ),
    "range": Rule(
        Priority.MEDIUM,
        "{device}: {channel} reads {value}, which no healthy sensor shows (possible: {low} to {high})",
        "A broken or short-circuited sensor, a loose wire, or wrong scaling.",
        "The value is treated as missing; this quantity is not watched.",
        "Check the sensor and its wiring.",
        quiet_ns=10 * NS_PER_S,
    ),
    "clock": Rule(
        Priority.LOW,
        "{device}: its clock is wrong: it claimed {claimed}, the arrival time is used",
        "The device's clock is unset, off, or in another time zone.",
        "Its rows carry the time of arrival.",
        "Set the device's clock, or remove the time from what it sends.",
        quiet_ns=60 * NS_PER_S,
    ),
    "conflict": Rule(
        Priority.HIGH,
        "{device} is sent by edge {edge}, but belongs to edge {owner}",
        "Two machines carry one name, or a device was moved to another edge.",
        "Rows of the second claimant are stored but not watched.",
        "Give one of them another name; or stop the old one, which hands the name over when it falls silent.",
        quiet_ns=60 * NS_PER_S,
    ),
    "gap": Rule(
        Priority.LOW,
        "{device}: {rows} lost between {start} and {end}: {reason}",
        "Data was lost or thinned on its way.",
        "This stretch is missing in the history, and was not watched.",
        "Look at the outbox of the edge and at the connection.",
        quiet_ns=60 * NS_PER_S,
    ),
    "sequence": Rule(
        Priority.LOW,
        "{device}: batches {start} to {end} of lane {log} never came",
        "Batches were lost between the edge and here.",
        "What they held is missing.",
        "Look for a gap at the same time; check the bus.",
        quiet_ns=60 * NS_PER_S,
    ),
    "set-back": Rule(
        Priority.LOW,
        "{device}: lane {log} goes on at batch {start}, though {end} was seen",
        "The input log was put back to an older copy of itself.",
        "What it had taken since that copy and not yet passed on is missing; what it takes now is kept.",
        "Nothing, if a backup was put back; else ask who exchanged the log.",
        quiet_ns=60 * NS_PER_S,
    ),
    "state-lost": Rule(
        Priority.LOW,
        "{device}: its stored state could not be read and starts anew: {reason}",
        "The state record was damaged, or written by another version of the program.",
        "The detector learns again, and is blind until then.",
        "Nothing, if it happens once; check the disk if it comes again.",
        quiet_ns=60 * NS_PER_S,
    ),
    "late": Rule(
        Priority.MEDIUM,
        "{device}: during the outage: {findings}",
        "What was recorded while the connection was down holds something odd.",
        "It has already happened.",
        "Look at the readings of that time.",
        quiet_ns=60 * NS_PER_S,
    ),
    "model": Rule(
        Priority.LOW,
        "{device}: model {model} does not watch, the self-learning detector does instead: {reason}",
        "The model is not in the registry, cannot be read, does not fit this device, or failed at work.",
        "The machine is watched by a weaker model.",
        "Train or promote a model that fits, or take it out of the configuration; tocsin check says more.",
    ),
    "model-previous": Rule(
        Priority.MEDIUM,
        "{device}: the newest version of model {model} does not watch, version {version} does as before: {reason}",
        "The newest version cannot be read, does not fit this device, or failed at work.",
        "The machine is watched by the model of before.",
        "Go back for good with tocsin models rollback, or promote a version that works.",
    ),
    "model-refused": Rule(
        Priority.MEDIUM,
        "{device}: model {model} version {version} ({role}) is not put to work, {instead}: {reason}",
        "Its files are missing, damaged or not to be trusted, or it failed or gave no number when it was tried.",
        "What was meant to be better is not at work.",
        "Train it anew, or point the alias at a version that can be read; tocsin check says more.",
    ),
    "model-of-runs": Rule(
        Priority.LOW,
        "{device}: model {model} does not call runs of {procedure}, {instead}: {reason}",
        "The model is not in the registry, cannot be read, does not fit what is measured, or failed at work.",
        "The version before it calls them, or no one does: benches are told to go on.",
        "Train or promote a model that fits, or take it out of the configuration; tocsin check says more.",
    ),
    "run-will-fail": Rule(
        Priority.HIGH,
        "{device}: {unit} is expected to fail in run {run}: probability {probability} after {step}, most by {steps}",
        "What was measured so far is like that of units that failed.",
        "The rest of the test takes time and changes nothing.",
        "Stop the run; look at the named steps, repair or scrap the unit.",
    ),
    "model-drift": Rule(
        Priority.MEDIUM,
        "{device}: model {model} version {version} meets what it was not trained on: {detail}",
        "The machine, its sensors or the process changed since the model was trained.",
        "Its alarms and its silence mean less.",
        "Find out what changed; if it is to stay, train the model anew on what is normal now.",
    ),
    "crowded": Rule(
        Priority.MEDIUM,
        "{device}: {what}",
        "More devices, channels or test runs came than can be watched, often from names that change with each message.",
        "The further ones are stored but not watched.",
        "Check the pattern or the fields of the source.",
        quiet_ns=3600 * NS_PER_S,
    ),
    "source": Rule(
        Priority.HIGH,
        "source {source} of edge {edge} has failed: {detail}",
        "The port or the broker is not to be reached, or refuses.",
        "Its devices are not watched.",
        "Do what the detail says.",
    ),
    "edge-silent": Rule(
        Priority.HIGH,
        "edge {edge} has not been heard for {after}",
        "The edge's machine or program is down, or its connection is.",
        "None of its devices is watched.",
        "Check the edge's machine and its network.",
    ),
}
