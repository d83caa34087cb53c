"""The demo as a program sees it: how soon readings, scores and the alarm of the worn bearing reach the page."""

import json
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.report import Figure, figure

FOR_S = 60
DEADLINE_S = 5.0  # silent_after of the demo's spindle


def measure() -> list[Figure]:
    """One headless demo; its own JSON is the source of every figure."""
    command = [sys.executable, "-m", "tocsin", "demo", "--headless", "--for", f"{FOR_S}s", "--json"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=FOR_S + 60).stdout)
    readings = told["readings"]
    silent = [alarm for alarm in told["alarms"] if alarm["device"] == "spindle-1" and alarm["rule"] == "silent"]
    false = [a for a in told["alarms"] if a["rule"] == "anomaly" and a["device"] != "pump-1"]
    return [
        figure("demo.produced", readings["produced"], "rows"),
        figure("demo.stored", readings["stored"], "rows", readings["produced"]),
        figure("demo.first_stored_s", told["first_stored_s"], "s", 3.0),
        figure("demo.first_score_s", told["first_score_s"], "s"),
        figure("demo.fault_to_alarm_s", told["fault_to_alarm_s"], "s", 5.0),
        figure("demo.dropout_seen", len(silent), "alarms", 1.0),
        *(figure("demo.silent_past_deadline_s", _past_deadline_s(alarm), "s", 3.0) for alarm in silent[:1]),
        figure("demo.anomalies_elsewhere", len(false), "alarms"),
    ]


def _past_deadline_s(alarm: Mapping[str, int]) -> float:
    """From the deadline of the spindle that fell silent to the moment of the input clock at which it rang."""
    return (alarm["changed_ns"] - alarm["onset_ns"]) / 1e9 - DEADLINE_S
