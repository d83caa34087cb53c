"""The catalogue of a site, gathered by bounded questions and kept for some seconds; safe to ask from any thread."""

import logging
import threading
import time
from collections.abc import Callable

from models.catalogue import sets
from models.catalogue.entries import Catalogue, Lineage, Moved, Quality
from models.catalogue.ground import Ground, Shelf
from models.catalogue.lineage import Tracer
from models.catalogue.links import links
from models.catalogue.quality import quality
from store.port import Device
from wire.config import DAY_NS

log = logging.getLogger(__name__)

CACHE_S = 15.0
MOST_DEVICES = 2000
LOOKED_AT = 50  # devices whose rows are looked at, those heard last
LOOK_NS = DAY_NS  # of each, its newest day ...
POINTS = 1000  # ... thinned to about so many rows
MOST_ALARMS = 1000
MOST_RUNS = 1000
MOST_LABELS = 10_000


class Catalogued:
    """Answers what data there is and what was made from what."""

    def __init__(
        self,
        ground: Ground,
        *,
        clock_s: Callable[[], float] = time.monotonic,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Nothing is asked yet."""
        self._ground = ground
        self._shelf = Shelf(ground.models)
        self._clock_s = clock_s
        self._now_ns = now_ns
        self._lock = threading.Lock()
        self._kept: tuple[float, Catalogue] | None = None

    def catalogue(self) -> Catalogue:
        """Everything there is; the same for CACHE_S, so that many lookers cost what one costs."""
        with self._lock:
            now_s = self._clock_s()
            if self._kept is None or now_s - self._kept[0] >= CACHE_S:
                self._kept = (now_s, self._gathered())
            return self._kept[1]

    def lineage(self, of: str) -> Lineage:
        """Where one thing comes from and what became of it; raises UnknownThingError."""
        with self._lock:
            stored = self._shelf.look()
        return Tracer(self._ground, stored).trace(of)

    def note(self, moved: Moved) -> None:
        """Remember a file that went out or came in; one that cannot be noted is told of in the log."""
        try:
            self._ground.note(moved)
        except OSError:
            log.exception("%s of %s is not in the ledger", moved.way, moved.file)

    def _gathered(self) -> Catalogue:
        ground, stored = self._ground, self._shelf.look()
        devices = sorted(ground.reader.devices(), key=lambda device: -device.last_ns)
        notes = [*stored.notes, *_cut("devices", len(devices), MOST_DEVICES)]
        looked = {device.device: self._quality(device) for device in devices[:LOOKED_AT]}
        notes += [f"rows were looked at of the {LOOKED_AT} devices heard last"] * (len(devices) > LOOKED_AT)
        devices = sorted(devices[:MOST_DEVICES], key=lambda device: device.device)
        rules = {device.device: ground.config.device(device.device) for device in devices}
        alarms = ground.reader.alarms(limit=MOST_ALARMS)
        runs = ground.reader.runs(limit=MOST_RUNS, rows=False)
        labels = ground.reader.labels(withdrawn=True, limit=MOST_LABELS)
        for what, found, most in (("alarms", alarms, MOST_ALARMS), ("runs", runs, MOST_RUNS)):
            notes += [f"of {what} the newest {most} are told of"] * (len(found) >= most)
        moved = ground.moved()
        procedures = {run.procedure: ground.config.procedure(run.procedure) for run in runs}
        return Catalogue(
            site=ground.config.site,
            at_ns=self._now_ns(),
            sets=(
                *(sets.device_set(each, rules[each.device], looked.get(each.device)) for each in devices),
                *sets.run_sets(runs, procedures),
                *ground.archives(),
                *sets.file_sets(stored.manifests, moved),
            ),
            channels=tuple(
                entry
                for each in devices
                for entry in sets.channels_of(each, rules[each.device], looked.get(each.device))
            ),
            features=tuple(feature for each in stored.manifests for feature in sets.features_of(each)),
            models=tuple(sets.model_entry(each, stored.aliases.get(each.name, {})) for each in stored.manifests),
            labels=tuple(sets.label_counts(labels)),
            links=links(stored.manifests, moved, alarms, runs),
            notes=tuple(notes),
        )

    def _quality(self, device: Device) -> Quality | None:
        start_ns = max(device.first_ns, device.last_ns + 1 - LOOK_NS)
        reader = self._ground.reader
        series = reader.readings(device.device, start_ns=start_ns, end_ns=device.last_ns + 1, points=POINTS)
        lost = sum(gap.device == device.device for _, gap in reader.gaps(device=device.device))
        return quality(series, lost=lost)


def _cut(what: str, count: int, most: int) -> list[str]:
    return [f"there are {count} {what}, of which {most} are told of"] if count > most else []
