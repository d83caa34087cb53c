import re
from array import array

from store.influx.channels import channel_lines, pattern
from store.influx.lines import Lines
from wire.config import Channel, Config, DeviceRule, Limits
from wire.messages import Batch, Frame

HOT = Channel(limits=Limits(H=70.0, HH=85.0))
CONFIG = Config(
    devices=(
        DeviceRule(match="pump-*", channels={"temp*": HOT, "time": Channel(limits=Limits(LL=-1.0))}),
        DeviceRule(match="pump-2", channels={"temperature": Channel(limits=Limits(H=60.0))}),
    )
)


def seen(device: str, *channels: str) -> Batch:
    frame = Frame(device, channels, array("q", [1]).tobytes(), array("d", [0.0] * len(channels)).tobytes())
    return Batch("edge-1", "0" * 32, 1, 1, frames=(frame,))


def test_limits_of_what_was_seen_are_written_as_the_config_has_them_for_each_device() -> None:
    lines = Lines("hall")
    lines.batch(seen("pump-1", "temperature", "flow"))
    lines.batch(seen("pump-2", "temperature"))
    lines.batch(seen("fan", "temperature"))
    told = channel_lines(CONFIG, lines.seen, lines, 5).decode().splitlines()
    assert [line for line in told if line.startswith("limits")] == [
        "limits,device=pump-1,edge=edge-1,rule=limit:temperature:HH,site=hall limit=85.0 5",
        "limits,device=pump-1,edge=edge-1,rule=limit:temperature:H,site=hall limit=70.0 5",
        "limits,device=pump-2,edge=edge-1,rule=limit:temperature:H,site=hall limit=60.0 5",
    ]


def test_a_rule_names_its_channel_as_the_field_of_the_readings_is_named() -> None:
    lines = Lines("hall")
    lines.batch(seen("pump-1", "time"))
    assert b"rule=limit:time_:LL" in channel_lines(CONFIG, lines.seen, lines, 5)


def test_all_channels_of_a_device_are_named_whatever_they_came_with() -> None:
    lines = Lines("hall")
    lines.batch(seen("fan", "speed/left"))
    lines.batch(seen("fan", "speed/right", "load"))
    assert channel_lines(CONFIG, lines.seen, lines, 5).decode().splitlines() == [
        'channels,device=fan,edge=edge-1,site=hall names="load|speed\\\\/left|speed\\\\/right" 5'
    ]


def test_as_many_channels_are_named_as_a_field_holds() -> None:
    names = [f"channel-{number:04}" for number in range(1000)]
    said = pattern(names)
    assert re.fullmatch(said, "channel-0000")
    assert not re.fullmatch(said, "channel-0999")
    assert 3900 < len(said) <= 4000
