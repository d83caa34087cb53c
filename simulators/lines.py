"""How a row looks on a line: CSV or JSON, with or without a time and an NMEA checksum; knows no port."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from math import isnan
from operator import xor
from typing import Literal

from simulators.rows import Channel

TimeForm = Literal["none", "s", "ns", "iso"]
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LineForm:
    """How a device writes; missing values are empty cells in CSV and absent keys in JSON."""

    form: Literal["csv", "json"] = "csv"
    checksum: Literal["none", "nmea"] = "none"
    time: TimeForm = "none"  # a field "time" in front; most serial devices have no clock
    header_every: int = 60  # rows between two CSV headers, 0 = none at all
    separator: str = ","
    end: bytes = b"\r\n"

    def header(self, channels: tuple[Channel, ...]) -> bytes:
        """The line that names the columns; JSON lines need none, so it is empty for them."""
        if self.form == "json" or not self.header_every:
            return b""
        names = [channel.name for channel in channels]
        return self._line(self.separator.join(names if self.time == "none" else ["time", *names]))

    def row(self, channels: tuple[Channel, ...], t_ns: int, values: list[float]) -> bytes:
        """One row as the bytes of one line."""
        stamp = time_text(t_ns, self.time)
        if self.form == "json":
            quoted = f'"{stamp}"' if self.time == "iso" else stamp
            return self._line(json_object(channels, values, quoted))
        cells = [_text(value, channel) for channel, value in zip(channels, values, strict=True)]
        return self._line(self.separator.join([stamp, *cells] if stamp else cells))

    def _line(self, text: str) -> bytes:
        body = text.encode()
        if self.checksum == "nmea":
            body = b"$%b*%02X" % (body, reduce(xor, body, 0))
        return body + self.end


def json_object(channels: tuple[Channel, ...], values: list[float], stamp: str = "") -> str:
    """A JSON object of one row; `stamp` is the JSON text of its time, left out when empty."""
    parts = [f'"time": {stamp}'] if stamp else []
    pairs = zip(channels, values, strict=True)
    parts += [f'"{channel.name}": {_text(value, channel)}' for channel, value in pairs if not isnan(value)]
    return "{" + ", ".join(parts) + "}"


def time_text(t_ns: int, form: TimeForm) -> str:
    """A time as a device writes it.

    >>> time_text(1_700_000_000_250_000_000, "iso"), time_text(1_700_000_000_250_000_000, "s")
    ('2023-11-14T22:13:20.250000Z', '1700000000.250000')
    """
    if form == "none":
        return ""
    if form == "ns":
        return str(t_ns)
    seconds, rest = divmod(t_ns, _NS_PER_S)
    if form == "s":
        return f"{seconds}.{rest // 1000:06d}"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def _text(value: float, channel: Channel) -> str:
    return "" if isnan(value) else f"{value:.{channel.decimals}f}"
