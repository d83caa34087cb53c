from stream.core import Core
from stream.models.detectors import Shelf
from stream.models.versions import Versions
from tests.stream.plant import Distance, Line, S, batch, frame
from wire.config import Config, DeviceRule, Procedure
from wire.messages import ModelChange


def _line() -> Line:
    config = Config(
        devices=(DeviceRule(match="mill", model="wear"),), procedures=(Procedure(match="final", model="bench"),)
    )
    line = Line(Core(config, Shelf([Distance(), Distance("wear", 1), Distance("wear", 2)])))
    line.put(batch(1, 0, [frame("mill", [0], [1.0])]))
    line.put(batch(1, 0, [frame("other", [0], [1.0])], edge="yard", log="y" * 32))
    return line


def test_a_version_that_is_not_to_be_had_rings_at_the_edge_of_its_devices_and_changes_nothing() -> None:
    line = _line()
    line.put(ModelChange("m1", "wear", 1, at_ns=S))
    line.put(ModelChange("m2", "wear", 7, at_ns=2 * S))
    assert line.state.models["wear"].champion == 1
    (alarm,) = line.alarms("model-refused")
    assert (alarm.edge, alarm.device, alarm.model, alarm.model_version) == ("hall", "*", "wear", 7)
    assert alarm.summary == (
        "edge hall: model wear version 7 (champion) is not put to work, version 1 goes on: "
        "the registry has no such model"
    )
    assert [letter.reason for letter in line.letters()] == ["model 'wear' version 7 is not to be had"]
    line.put(ModelChange("m3", "wear", 2, at_ns=3 * S))
    assert line.steps("model-refused") == ["unacknowledged", "returned-unacknowledged"]


def test_a_change_that_names_its_trouble_rings_with_it_and_is_no_dead_letter() -> None:
    line = _line()
    line.put(ModelChange("m1", "wear", 2, at_ns=S, trouble="payload.skops: 7 bytes that are not the 900"))
    assert line.state.models == {}
    assert line.alarms("model-refused")[0].summary.endswith(
        "no version was in force: payload.skops: 7 bytes that are not the 900"
    )
    assert not line.letters()
    line.put(ModelChange("m2", "wear", 1, at_ns=2 * S))
    assert not line.state.edges["hall"].alarms["model-refused:wear"].active


def test_a_version_in_force_that_can_be_read_no_more_leaves_it_to_the_one_before() -> None:
    line = _line()
    line.put(ModelChange("m1", "wear", 1, at_ns=S))
    line.put(ModelChange("m2", "wear", 1, at_ns=2 * S, trouble="damaged"))
    assert line.alarms("model-refused")[-1].summary.endswith("not put to work, and none was before it: damaged")
    line.put(ModelChange("m3", "wear", 2, at_ns=3 * S))
    line.put(ModelChange("m4", "wear", 2, at_ns=4 * S, trouble="damaged"))
    assert "version 1, which was before it, goes on" in line.alarms("model-refused")[-1].summary


def test_a_candidates_trouble_is_a_matter_of_its_own() -> None:
    line = _line()
    line.put(ModelChange("m1", "wear", 3, at_ns=S, role="candidate", trouble="damaged"))
    line.put(ModelChange("m2", "wear", 1, at_ns=2 * S))
    assert line.steps("model-refused:wear:candidate") == ["unacknowledged"]
    line.put(ModelChange("m3", "wear", 0, at_ns=3 * S, role="candidate"))
    assert line.steps("model-refused:wear:candidate") == ["unacknowledged", "returned-unacknowledged"]


def test_a_model_that_nobody_asks_for_rings_nowhere() -> None:
    line = _line()
    line.put(ModelChange("m1", "nothing", 3, at_ns=S))
    assert not line.alarms()
    assert [letter.reason for letter in line.letters()] == ["model 'nothing' version 3 is not to be had"]


def test_a_model_of_runs_rings_at_every_edge() -> None:
    line = _line()
    line.put(ModelChange("m1", "bench", 3, at_ns=S))
    assert [alarm.edge for alarm in line.alarms("model-refused:bench")] == ["hall", "yard"]


def test_going_back_forgets_what_was_left_and_goes_no_further_than_it_can() -> None:
    line = _line()
    for number, version in enumerate((1, 2, 1)):
        line.put(ModelChange(f"m{number}", "wear", version))
    assert line.state.models["wear"] == Versions(1)
