"""Labels that say something of rows."""

import pytest

from tocsin.reaching.access import Rang, Said
from tocsin.reaching.row_labels import row_labels


class Asked:
    """Two alarms that somebody judged, one of the pump and one of its model, and a label by hand."""

    def __init__(self, meaning: str) -> None:
        self._meaning = meaning

    def alarms(self, device: str) -> list[Rang]:
        rules = {"a1": "anomaly", "a2": "model-drift:wear"}
        return [Rang(name, device, rule, "normal", 10, 20, "") for name, rule in rules.items()]

    def labels(self, *, device: str = "", run: str = "", withdrawn: bool = False) -> list[Said]:
        assert not withdrawn
        told = [("l4", "gone"), ("l3", ""), ("l2", "a2"), ("l1", "a1")]
        return [
            Said(name, self._meaning, 10, 20, "Ada", int(name[1]), device=device, run=run, alarm=alarm)
            for name, alarm in told
        ]


@pytest.mark.parametrize("meaning", ["anomaly", "normal"])
def test_what_was_found_of_an_alarm_of_a_model_says_nothing_of_rows(meaning: str) -> None:
    assert [label.id for label in row_labels(Asked(meaning), "pump-1")] == ["l1", "l3", "l4"]


def test_maintenance_says_something_of_rows_whatever_rang() -> None:
    assert [label.id for label in row_labels(Asked("maintenance"), "pump-1")] == ["l1", "l2", "l3", "l4"]
