"""Topic names of the fleet; the box has one log instead."""

INPUTS = "tocsin.inputs"
SCORES = "tocsin.scores"
ALARMS = "tocsin.alarms"
ADVICE = "tocsin.advice"
STATE = "tocsin.state"
DEAD = "tocsin.dead"
DEFAULT_PARTITIONS = 48
