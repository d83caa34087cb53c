from array import array

from store.influx.limits import limit_lines
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
    assert limit_lines(CONFIG, lines.seen, lines, 5).decode().splitlines() == [
        "limits,device=pump-1,edge=edge-1,rule=limit:temperature:HH,site=hall limit=85.0 5",
        "limits,device=pump-1,edge=edge-1,rule=limit:temperature:H,site=hall limit=70.0 5",
        "limits,device=pump-2,edge=edge-1,rule=limit:temperature:H,site=hall limit=60.0 5",
    ]


def test_a_rule_names_its_channel_as_the_field_of_the_readings_is_named() -> None:
    lines = Lines("hall")
    lines.batch(seen("pump-1", "time"))
    assert b"rule=limit:time_:LL" in limit_lines(CONFIG, lines.seen, lines, 5)
