"""Both stories, and their figures: what was found, how fast, what the gate let in and what it refused."""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Figure, figure
from benchmarks.story import machine


def measure() -> list[Figure]:
    """Tell them, and print what happens."""
    with TemporaryDirectory() as folder:
        pump = machine.tell(Path(folder), machine.Plan())
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
    ]
