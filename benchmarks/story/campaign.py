"""Both stories, and their figures: what was found, how fast, what the gate let in and what it refused."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Figure, figure
from benchmarks.story import bench, machine


def measure() -> list[Figure]:
    """Tell them, and print what happens."""
    os.environ["TOCSIN_MLFLOW"] = "off"
    with TemporaryDirectory() as folder:
        pump = machine.tell(Path(folder), machine.Plan())
    with TemporaryDirectory() as folder:
        tests = bench.tell(Path(folder), bench.Plan())
    return [
        figure("story.machine.wear_found_h", pump.wear_found_h, "h"),
        figure("story.machine.drift_found_h", pump.drift_found_h, "h"),
        figure("story.machine.new_champion_h", pump.new_champion_h, "h"),
        figure("story.machine.over_limit_before", pump.over_before, "share"),
        figure("story.machine.over_limit_drifted", pump.over_drifted, "share"),
        figure("story.machine.over_limit_recovered", pump.over_recovered, "share", pump.over_drifted),
        figure("story.machine.wear_found_again_h", pump.wear_found_again_h, "h"),
        figure("story.machine.shadow_scores", pump.shadow_scores, "scores"),
        figure("story.machine.poison_refused", float(bool(pump.refused)), "yes"),
        figure("story.bench.drift_found_runs", tests.drift_found_runs, "runs"),
        figure("story.bench.new_champion_runs", tests.new_champion_runs, "runs"),
        figure("story.bench.brier_before", tests.brier_before, "Brier"),
        figure("story.bench.brier_drifted", tests.brier_drifted, "Brier"),
        figure("story.bench.brier_recovered", tests.brier_recovered, "Brier", tests.brier_drifted),
        figure("story.bench.false_stops_before", tests.stops_before, "share"),
        figure("story.bench.false_stops_drifted", tests.stops_drifted, "share"),
        figure("story.bench.false_stops_recovered", tests.stops_recovered, "share"),
        figure("story.bench.poison_refused", float(bool(tests.refused)), "yes"),
    ]
