"""The life of a model, told short: `python -m benchmarks story` tells it whole."""

import math
from pathlib import Path

import pytest

from benchmarks.story import bench, machine


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_worn_pump_gets_a_model_of_its_own_and_no_flipped_label_fools_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    plan = machine.Plan(
        every_ns=60_000_000_000, train=5.0, worn=5.5, repaired=6.5, again=12.0, check_h=8.0, shadowed=False
    )
    told = machine.tell(tmp_path, plan)
    assert told.shadow_scores > 0
    assert told.wear_found_h < 12
    assert told.drift_found_h < 24
    assert told.champion > 1
    assert told.over_drifted > 0.5
    assert told.over_recovered < 0.05
    assert told.wear_found_again_h < 12
    assert not math.isnan(told.wear_found_again_h)
    assert told.refused
    assert told.champion_after == told.champion


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_bench_gets_other_parts_and_a_model_that_knows_them_and_no_flipped_outcome_fools_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    told = bench.tell(tmp_path, bench.Plan(fitted=450, before=45, after=45, seed=12))
    assert 0 < told.drift_found_runs <= 120
    assert told.champion > 1
    assert told.shadow_runs > 0
    assert told.brier_before < 0.06
    assert told.brier_recovered < told.brier_drifted
    assert told.refused
    assert told.champion_after == told.champion
