"""One call for the three ways a machine can speak."""

import sys
from pathlib import Path
from typing import Literal

from simulators.lines import LineForm
from simulators.mqtt_line import MqttLine
from simulators.rows import Machine
from simulators.serial_line import SerialLine
from simulators.speaker import Speaker
from simulators.stdout_line import StdoutLine


def speak(
    machine: Machine,
    to: Literal["serial", "mqtt", "stdout"],
    *,
    every_ns: int = 100_000_000,
    fast: bool = False,
    rows: int | None = None,
    start_ns: int | None = None,
    form: LineForm | None = None,
    link: Path | None = None,
    flow_control: bool = False,
    url: str = "mqtt://127.0.0.1:1883",
    login: tuple[str, str] | None = None,
    payload: Literal["json", "numbers"] = "json",
) -> Speaker:
    """Choose how a machine speaks; it begins when the speaker is entered (`with`).

    `link` and `flow_control` matter to serial, `url`, `login` (name and password) and `payload` to MQTT, `form` to
    serial and stdout.
    Without `start_ns` the first row is due now; rows are 100 ms apart.
    """
    if to == "serial":
        return SerialLine(
            machine,
            every_ns=every_ns,
            fast=fast,
            rows=rows,
            start_ns=start_ns,
            form=form,
            link=link,
            flow_control=flow_control,
        )
    if to == "mqtt":
        return MqttLine(
            machine,
            every_ns=every_ns,
            fast=fast,
            rows=rows,
            start_ns=start_ns,
            url=url,
            login=login,
            payload=payload,
        )
    form = form or LineForm(time="iso", end=b"\n", header_every=1)
    return StdoutLine(machine, out=sys.stdout, every_ns=every_ns, fast=fast, rows=rows, start_ns=start_ns, form=form)
