"""What doctor says of names in the config that no device bears."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.console.fakes import Plant
from tests.tocsin.hall import free_port, running, until
from tests.tocsin.plant import tocsin
from tocsin.examining.device_doctor import findings, of_reader
from wire.config import Channel, Config, DeviceRule, Limits

PUMP: Mapping[str, Sequence[str]] = {"pump-1": ("temperature", "current"), "fan-1": ("speed",)}
HOT = Channel(limits=Limits(H=70))
CONFIG = """
[[edge.sources]]
type = "host"
every = "1s"
[[devices]]
match = "host"
channels.processor.limits = {{ H = 90 }}
[console]
listen = "127.0.0.1:{page}"
"""


def _said(known: Mapping[str, Sequence[str]], *rules: DeviceRule) -> list[tuple[bool, str]]:
    return [(one.bad, one.detail) for one in findings(known, Config(devices=rules))]


def test_a_limit_on_a_channel_that_no_device_has_would_never_ring_and_is_told() -> None:
    rule = DeviceRule(match="pump-*", channels={"temperatur": HOT, "curr*": HOT})
    what = "devices[0].channels.temperatur speaks of the channel 'temperatur', which pump-* never had"
    assert _said(PUMP, rule) == [(True, f"{what}: is it spelt so?")]


def test_a_condition_on_a_channel_that_no_device_has_is_told() -> None:
    ((wrong, said),) = _said(PUMP, DeviceRule(match="*", running_when="curent > 0.5 or speed > 1"))
    assert wrong
    assert said.startswith("devices[0].running_when speaks of the channel 'curent', which no device ever had")


def test_a_rule_for_devices_that_were_never_seen_may_be_misspelt() -> None:
    assert _said(PUMP, DeviceRule(match="pmup-*", channels={"x": HOT})) == [
        (False, "pmup-*: named in the config, and no such device was seen: is it spelt so?")
    ]


def test_before_the_first_row_nothing_is_misspelt() -> None:
    assert _said({}, DeviceRule(match="pump-*", running_when="current > 1")) == []


def test_the_store_says_which_channels_there_are() -> None:
    plant = Plant()
    plant.add("pump-1", channels=("temperature",))
    rules = (DeviceRule(match="pump-1", channels={"temperature": HOT}), DeviceRule(match="pump-2"))
    assert [one.detail for one in of_reader(plant, Config(devices=rules))] == [
        "pump-2: named in the config, and no such device was seen: is it spelt so?"
    ]


def test_a_box_is_told_the_same_running_and_stopped(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text(CONFIG.format(page=free_port()))

    def told() -> list[str]:
        lines = tocsin("doctor", "-c", config).stdout.splitlines()
        return [line for line in lines if line.startswith("BAD") and "spelt" in line]

    with running(config) as there:
        there.box.serve()
        until(lambda: there.rows("host") > 0, "a row of this machine")
        alive = subprocess.run(
            [sys.executable, "-m", "tocsin", "doctor", "-c", config], capture_output=True, text=True, check=False
        ).stdout
    assert [line for line in alive.splitlines() if "spelt" in line] == told()
    assert "'processor'" in told()[0]
