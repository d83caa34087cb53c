"""What can be measured of this machine, one row a channel."""

import os
from collections.abc import Callable
from math import inf, nan

import msgspec
import psutil


class Sample(msgspec.Struct, frozen=True):
    """What a probe read at a time on the monotonic clock; None: the machine has no such thing, or not now."""

    at_s: float
    value: float | None


class Probe(msgspec.Struct, frozen=True):
    """A channel of this machine; a rate is how fast a count grows, times `scale`, and at most `most`."""

    channel: str
    uom: str
    take: Callable[[], float | None]
    rate: bool = False
    scale: float = 1.0
    most: float = inf

    def read(self) -> float | None:
        """The present value or count, None where there is none."""
        try:
            return self.take()
        except (OSError, AttributeError, RuntimeError, NotImplementedError, ValueError, psutil.Error):
            return None  # a container, a foreign system or a sensor that fell asleep

    def value(self, last: Sample, now: Sample) -> float:
        """The channel's value at `now`; NaN where it is missing, or where a count began anew."""
        if now.value is None:
            return nan
        if not self.rate:
            return now.value
        if last.value is None or now.value < last.value or now.at_s <= last.at_s:
            return nan
        return min((now.value - last.value) / (now.at_s - last.at_s) * self.scale, self.most)


def _busy_s() -> float:
    times = psutil.cpu_times()
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    # Counted in ticks of 10 ms, so that over a short while the sum may pass what there is.
    return float(sum(times) - idle_s - _counted_twice(times)) / (os.cpu_count() or 1)


def _counted_twice(times: tuple[float, ...]) -> float:
    return float(getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0))  # both are in user time, too


def _disk(name: str) -> float | None:
    counters = psutil.disk_io_counters()
    return None if counters is None else float(getattr(counters, name))


def _hottest() -> float | None:
    chips = psutil.sensors_temperatures().values()
    # Some chips report sensors that are not connected as 0 or far below freezing.
    readings = [entry.current for chip in chips for entry in chip if entry.current and entry.current > 0]
    return max(readings) if readings else None


PROBES = (
    Probe("cpu", "%", _busy_s, rate=True, scale=100.0, most=100.0),
    Probe("load", "", lambda: os.getloadavg()[0]),
    Probe("memory", "%", lambda: psutil.virtual_memory().percent),
    Probe("swap", "%", lambda: psutil.swap_memory().percent),
    Probe("disk_used", "%", lambda: psutil.disk_usage(".").percent),
    Probe("disk_read", "B/s", lambda: _disk("read_bytes"), rate=True),
    Probe("disk_written", "B/s", lambda: _disk("write_bytes"), rate=True),
    Probe("network_received", "B/s", lambda: float(psutil.net_io_counters().bytes_recv), rate=True),
    Probe("network_sent", "B/s", lambda: float(psutil.net_io_counters().bytes_sent), rate=True),
    Probe("temperature", "°C", _hottest),
    Probe("processes", "", lambda: float(len(psutil.pids()))),
)
