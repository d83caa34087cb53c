"""A short form of `make soak`: everything is killed once while readings come, and nothing is lost or doubled."""

from pathlib import Path

import pytest

from benchmarks.soak.campaign import Scale, soak

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_readings_are_neither_lost_nor_doubled_while_everything_is_killed(tmp_path: Path) -> None:
    result = soak(tmp_path, Scale(devices=20, rows=500, per_s=500, rounds=1, away_s=0))
    assert result.account.is_clean, result
    assert result.account.alarms > 10
    assert len(result.recoveries_s) == 5
