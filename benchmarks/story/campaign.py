"""Both stories, and their figures: what was found, how fast, what the gate let in and what it refused."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Figure, figure
from benchmarks.story import bench, machine


def measure() -> list[Figure]:
    """Tell them, and print what happens."""
    os.environ["TOCSIN_MLFLOW"] = "off"
    return [*of_machine(), *of_bench()]


def of_machine() -> list[Figure]:
    """The pump's."""
    with TemporaryDirectory() as folder:
        told = machine.tell(Path(folder), machine.Plan())
    return [
        figure("story.machine.wear_found_h", told.wear_found_h, "h"),
        figure("story.machine.drift_found_h", told.drift_found_h, "h"),
        figure("story.machine.new_champion_h", told.new_champion_h, "h"),
        figure("story.machine.over_limit_before", told.over_before, "share"),
        figure("story.machine.over_limit_drifted", told.over_drifted, "share"),
        figure("story.machine.over_limit_recovered", told.over_recovered, "share", told.over_drifted),
        figure("story.machine.wear_found_again_h", told.wear_found_again_h, "h"),
        figure("story.machine.shadow_scores", told.shadow_scores, "scores"),
        figure("story.machine.poison_refused", float(bool(told.refused)), "yes"),
    ]


def of_bench() -> list[Figure]:
    """The test benches'."""
    with TemporaryDirectory() as folder:
        told = bench.tell(Path(folder), bench.Plan())
    return [
        figure("story.bench.drift_found_runs", told.drift_found_runs, "runs"),
        figure("story.bench.new_champion_runs", told.new_champion_runs, "runs"),
        figure("story.bench.brier_before", told.brier_before, "Brier"),
        figure("story.bench.brier_drifted", told.brier_drifted, "Brier"),
        figure("story.bench.brier_recovered", told.brier_recovered, "Brier", told.brier_drifted),
        figure("story.bench.false_stops_before", told.stops_before, "share"),
        figure("story.bench.false_stops_drifted", told.stops_drifted, "share"),
        figure("story.bench.false_stops_recovered", told.stops_recovered, "share"),
        figure("story.bench.shadow_runs", told.shadow_runs, "runs"),
        figure("story.bench.poison_refused", float(bool(told.refused)), "yes"),
    ]
