import os

import pytest

from benchmarks.kill import campaign
from benchmarks.processes import MOSQUITTO

KILLS = 3
BUSY_MS = 1000


@pytest.mark.server
@pytest.mark.slow
def test_kill_9_loses_nothing_doubles_nothing_and_leaves_no_loss_unsaid() -> None:
    if not MOSQUITTO:
        assert os.environ.get("CI") != "true", "mosquitto is not installed"
        pytest.skip("mosquitto is not installed")
    found = campaign(kills=KILLS, slack_ns=BUSY_MS * 1_000_000)
    assert found.kills == KILLS
    assert found.sent > 0
    assert (found.lost, found.doubled) == (0, 0), found
    assert found.alarms > 0, found
    assert found.alarms_differ == 0, found
    # The promised 50 ms are the benchmark's; a busy machine gets more.
    assert found.unexplained == 0, found
    # A gap over everything would explain any loss.
    assert found.longest_excess_ms <= BUSY_MS, found
