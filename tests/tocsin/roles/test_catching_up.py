"""Nobody is ready who was started anew while what waited holds up what comes now."""

from pathlib import Path

import pytest

from benchmarks.processes import until
from edge.log import LocalLog
from tests.tocsin.plant import DEADLINE_S, QUIET, write
from tocsin.places import log_path, store_path
from tocsin.roles.box import Box
from tocsin.roles.edge import _waiting
from wire.messages import Tick
from wire.settings import Loaded, load

WAITED = 1000


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """A config whose log holds what waited."""
    found = load(write(tmp_path, QUIET))
    with LocalLog.of(log_path(found), found.config.edge) as log:
        for second in range(WAITED):
            log.append(Tick(at_ns=second))
    return found


def test_a_box_is_ready_when_it_has_worked_on_what_waited_in_its_log(loaded: Loaded) -> None:
    said: list[str] = []

    def ready() -> bool:
        said.append(box.status().stalled)
        return not said[-1]

    with Box(loaded) as box:
        until(ready, within_s=DEADLINE_S, what="the box to be ready", every_s=0.01)
        assert box.drained(0.5)
    assert any("is worked on first" in each for each in said)
    assert store_path(loaded).exists()


def test_an_edge_is_ready_when_what_waited_is_passed_on_or_lets_live_data_by(loaded: Loaded) -> None:
    with LocalLog.of(log_path(loaded), loaded.config.edge) as log:
        begun = log.status().last_pos
        assert _waiting(log.status(), begun).startswith(f"what waited is passed on first (records: {WAITED})")
        log.append(Tick(at_ns=WAITED))
        log.confirm(begun - 1)
        assert _waiting(log.status(), begun).startswith("what waited is passed on first (records: 1)")
        log.confirm(begun)
        assert log.status().backlog == 1
        assert _waiting(log.status(), begun) == ""
