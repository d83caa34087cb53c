"""What the keeper of a fleet needs beyond that of a box: a change of model goes into every partition."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tocsin.plant import QUIET, RULES, tocsin
from tocsin.keep_role import WholeInbox
from wire.envelope import unpack_input
from wire.messages import ModelChange, Watched
from wire.ports import BusError
from wire.topics import INPUTS


class Bus:
    """Keeps what is published; `broken` is what it says of the last partition."""

    def __init__(self, broken: str = "") -> None:
        self.records: list[tuple[str, int, bytes]] = []
        self._broken = broken

    def publish(
        self,
        topic: str,
        key: bytes,  # noqa: ARG002 -- the partition is given, or there is one edge
        body: bytes,
        done: Callable[[str], None],
        *,
        partition: int = -1,
    ) -> None:
        self.records.append((topic, partition, body))
        done(self._broken if partition == 2 else "")

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 -- nothing is under way
        return True


def test_a_refused_candidate_is_told_of_in_every_partition_and_a_drift_at_its_edge() -> None:
    bus = Bus()
    inbox = WholeInbox(bus, 3)
    change = ModelChange("c1", "pump", 2, role="candidate", trouble="refused by the gate")
    inbox.append(change)
    assert [(topic, partition) for topic, partition, _ in bus.records] == [(INPUTS, at) for at in range(3)]
    assert {unpack_input(body) for *_, body in bus.records} == {change}
    inbox.append(Watched("w1", "edge", "pump-1", "pump", 1, stands=True))
    assert bus.records[-1][1] == -1


def test_a_change_that_a_partition_did_not_take_is_an_error() -> None:
    with pytest.raises(BusError, match="no room"):
        WholeInbox(Bus("no room"), 3).append(ModelChange("c1", "pump", 2))


def test_a_box_has_no_role_and_is_told_so(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text(QUIET + RULES.format(page=8765))
    found = tocsin("keep", "-c", config)
    assert found.exit_code == 2
    assert "kafka://" in found.stderr
