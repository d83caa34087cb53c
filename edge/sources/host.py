"""This machine's own load, memory, disk, network and temperature: a real device on every machine."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from edge.sources.host_probes import PROBES, Probe, Sample
from edge.sources.offer import offer
from wire.config import Config, HostSource
from wire.messages import NS_PER_S
from wire.ports import Arrival, Intake, Row

CHANNEL_UOMS: Mapping[str, str] = {probe.channel: probe.uom for probe in PROBES}


def build(settings: HostSource, *, name: str, config: Config) -> "Host":
    """Make the source that the settings describe; raises ValueError naming a setting that cannot be."""
    _ = config
    return Host(settings, name=name)


class Host:
    """Puts one row each `every`; which channels there are is decided at the first start and then stays.

    The schedule is fixed at the start of a run, so that it does not drift; moments missed while the machine was asleep
    or the outbox full are left out, not made up for.
    """

    acknowledged = False

    def __init__(
        self,
        settings: HostSource,
        *,
        name: str,
        probes: Sequence[Probe] = PROBES,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        if settings.every_ns <= 0:
            msg = f"every: expected more than nothing, got {settings.every_ns} ns"
            raise ValueError(msg)
        self.name = name
        self._settings = settings
        self._every_s = settings.every_ns / NS_PER_S
        self._there = list(probes)
        self._decided = False
        self._monotonic_s = monotonic_s

    def run(self, intake: Intake, stop: threading.Event, connected: Callable[[str], None]) -> None:
        """Put rows until stopped."""
        begun_s = self._monotonic_s()
        last = self._samples(begun_s)
        if not self._decided:
            self._there = [probe for probe in self._there if last[probe.channel].value is not None]
            self._decided = True
        connected(f"measures {len(self._there)} channels of this machine every {self._every_s:g} s")
        channels = tuple(probe.channel for probe in self._there)
        turn = 0
        while True:
            turn = max(turn + 1, int((self._monotonic_s() - begun_s) / self._every_s))
            if stop.wait(max(0.0, begun_s + turn * self._every_s - self._monotonic_s())):
                return
            now = self._samples(self._monotonic_s())
            values = tuple(probe.value(last[probe.channel], now[probe.channel]) for probe in self._there)
            last = now
            row = Row(self._settings.device, channels, values)
            own_times = self._settings.times == "own"
            if not offer(intake, Arrival(source=self.name, rows=(row,), own_times=own_times), stop):
                return

    def _samples(self, at_s: float) -> dict[str, Sample]:
        return {probe.channel: Sample(at_s, probe.read()) for probe in self._there}
