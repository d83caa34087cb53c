import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.selflearning.online import Online
from stream import state as records
from stream.core import Core
from stream.models.detectors import Shelf
from stream.seal import StateError
from stream.state import device_key, pack_device, split_key, unpack_device
from tests.stream.plant import Line, batch, core, encoded, frame, limits
from wire.config import Config, Limits

MOST_BYTES = 10 * 1024


def _watched() -> Line:
    line = Line(core(limits(Limits(H=70.0))))
    line.run([*[20.0] * 40, 99, 99])
    return line


def _altered(line: Line, **parts: object) -> None:
    """Replace parts of the device's record by what another version of the program wrote."""
    key = device_key("hall", "pump-1")
    kept = line.core.dump(line.state)
    told = msgspec.msgpack.decode(kept[key][4:])
    line.state = line.core.load({**kept, key: records._sealed({**told, **parts})})


def test_what_is_stored_is_read_back_exactly() -> None:
    line = _watched()
    dumped = line.core.dump(line.state)
    assert line.core.dump(line.core.load(dumped)) == dumped


def test_a_device_with_eight_channels_takes_at_most_ten_kilobytes() -> None:
    line = Line(Core(Config(devices=(limits(Limits(H=9.0, HH=10.0, L=-9.0, LL=-10.0), "c*"),)), Shelf([Online()])))
    chance, names = np.random.default_rng(1), tuple(f"c{i}" for i in range(8))
    for seq in range(40):
        line.beat(seq * 10, frame("pump-1", range(seq * 10, seq * 10 + 10), chance.normal(size=(10, 8)), names))
    record = line.core.dump(line.state, [device_key("hall", "pump-1")])[device_key("hall", "pump-1")]
    assert line.state.devices["hall", "pump-1"].watch.warm == 1.0
    assert len(record) <= MOST_BYTES


def test_only_what_changed_is_named() -> None:
    line = Line(core())
    line.beat(0, frame("a", [0], [1]), frame("b", [0], [1]))
    _, came = line.core.step(line.state, [(2, batch(2, 1, [frame("b", [1], [1])]))])
    assert set(came.changed) == {"device/hall/b", "edge/hall", "lane/hall/" + "a" * 32}


def test_a_forgotten_record_is_told_as_empty() -> None:
    line = Line(core())
    for index in range(65):
        line.put(batch(1, index, log=f"{index:032x}"))
    assert line.core.dump(line.state, [f"lane/hall/{0:032x}"]) == {f"lane/hall/{0:032x}": b""}


@pytest.mark.parametrize("part", ["life", "pace", "sense", "limits", "grid", "late", "watch"])
def test_a_part_of_an_unknown_version_starts_cold_and_the_rest_goes_on(part: str) -> None:
    line = _watched()
    before = line.state.devices["hall", "pump-1"]
    _altered(line, **{part: (99, {"written": "by another program"})})
    after = line.state.devices["hall", "pump-1"]
    assert not after.lost
    assert after.alarms == before.alarms
    line.run([99] * 40, start=42)
    assert line.steps("limit") == ["unacknowledged"]
    line.run([20] * 10, start=82)
    assert line.steps("limit") == ["unacknowledged", "returned-unacknowledged"]


def test_alarms_are_read_whatever_their_version() -> None:
    line = _watched()
    key = device_key("hall", "pump-1")
    told = msgspec.msgpack.decode(line.core.dump(line.state)[key][4:])
    alarms = told["alarms"][1]
    alarms["limit:temperature:H"]["invented_later"] = 1
    _altered(line, alarms=(77, alarms))
    assert line.state.devices["hall", "pump-1"].stands("limit:temperature:H")


def test_a_part_that_does_not_fit_the_channels_is_damage() -> None:
    line = _watched()
    _altered(line, channels=(1, ["temperature", "flow"]))
    assert "does not fit its 2 channels" in line.state.devices["hall", "pump-1"].lost


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_damage_is_noticed(data: st.DataObject) -> None:
    record = bytearray(pack_device(DAMAGED))
    at = data.draw(st.integers(0, len(record) - 1))
    record[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StateError):
        unpack_device(bytes(record))
    with pytest.raises(StateError):
        unpack_device(bytes(record[:at]))


DAMAGED = _watched().state.devices["hall", "pump-1"]


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_name_survives_as_a_key(edge: str, device: str) -> None:
    assert split_key(device_key(edge, device)) == ["device", edge, device]


def test_a_sudden_restart_between_two_inputs_goes_unnoticed() -> None:
    straight, restarted = _watched(), _watched()
    restarted.reload()
    for line in (straight, restarted):
        line.outcomes.clear()
        line.run([99, 20, 20, 20], start=42)
    assert encoded(straight.outcomes) == encoded(restarted.outcomes)
