"""Watches a running box from outside, as a person with a page and a stopwatch would; makes the demo's report."""

import json
import threading
import time
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from types import TracebackType
from typing import Self

from store.errors import StoreError
from store.port import Accounts, Device, Reader
from wire.messages import NS_PER_S, SourceStatus

LOOK_S = 0.05
RETRY_S = 0.2
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # our own page is behind no proxy


class Watch:
    """Notes when the first reading was stored and scored, and when each alarm reached the page's own event stream."""

    def __init__(self, reader: Reader, *, url: str, begun_ns: int) -> None:
        self._reader = reader
        self._url = url
        self._begun_ns = begun_ns
        self._first: dict[str, float] = {}  # "stored", "scored" -> seconds since the command began
        self._shown: dict[str, tuple[int, dict[str, object]]] = {}  # alarm id -> when it was shown, and how it was then
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._count, name="watch-store", daemon=True),
            threading.Thread(target=self._listen, name="watch-page", daemon=True),
        ]

    def __enter__(self) -> Self:
        """Begin to watch."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Look away."""
        self._stop.set()
        self._threads[0].join()

    def report(self, said: Mapping[str, int], *, onset_ns: int, fault_ns: int) -> dict[str, object]:
        """The counts so far; `said` are the rows that machines produced, beside those this host's own source made.

        The fault begins at `onset_ns` and passes its stated severity at `fault_ns`: what rings for it before that
        is 0 s late, and what rang before the onset did not ring for it.
        """
        counts, devices = self._settled()
        others = sum(device.rows or 0 for device in devices if device.device not in said)
        shown = sorted(self._shown.copy().values(), key=lambda pair: pair[0])
        rung = [
            at
            for at, alarm in shown
            if alarm["device"] == "pump-1" and str(alarm["rule"]).startswith(("anomaly", "limit:")) and at >= onset_ns
        ]
        return {
            "readings": {
                "produced": sum(said.values()) + others,
                "stored": sum(c.stored for c in counts),
                "scored": sum(c.scored for c in counts),
            },
            "duplicates": sum(c.duplicates + c.redelivered for c in counts),
            "dead": sum(c.dead for c in counts),
            "gaps": sum(c.gaps for c in counts),
            "alarms": [alarm for _, alarm in shown],
            "first_stored_s": self._first.get("stored"),
            "first_score_s": self._first.get("scored"),
            "fault_to_alarm_s": max(0, rung[0] - fault_ns) / NS_PER_S if rung else None,
        }

    def connected(self, source: str, *, within_s: float) -> bool:
        """Wait until a source is connected; false if that took longer."""
        deadline = time.monotonic() + within_s
        while not any(s.source == source and s.state is SourceStatus.CONNECTED for _, s in self._reader.sources()):
            if time.monotonic() > deadline or self._stop.wait(LOOK_S):
                return False
        return True

    def stored(self, said: Mapping[str, int], *, within_s: float) -> bool:
        """Wait until as many rows of each machine are stored as it said; false if that took longer."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            rows = {device.device: device.rows or 0 for device in self._reader.devices()}
            if all(rows.get(device, 0) >= count for device, count in said.items()):
                return True
            self._stop.wait(LOOK_S)
        return False

    def _settled(self) -> tuple[list[Accounts], list[Device]]:
        """Accounts and devices of one moment: nothing was stored between the two questions."""
        while True:
            counts, devices = self._reader.accounts(), self._reader.devices()
            if counts == self._reader.accounts():
                return counts, devices

    def _count(self) -> None:
        while not self._stop.wait(LOOK_S) and len(self._first) < 2:  # noqa: PLR2004 -- stored and scored
            try:
                counts = self._reader.accounts()
            except StoreError:  # the box says so itself
                continue
            since_s = (time.time_ns() - self._begun_ns) / NS_PER_S
            for name, found in (("stored", sum(c.stored for c in counts)), ("scored", sum(c.scored for c in counts))):
                if found:
                    self._first.setdefault(name, round(since_s, 3))

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with _direct.open(f"{self._url}/api/v1/events", timeout=30) as stream:
                    for line in stream:
                        if line.startswith(b"data:"):
                            self._note(json.loads(line[5:]))
                        if self._stop.is_set():
                            return
            except (OSError, HTTPException):
                self._stop.wait(RETRY_S)

    def _note(self, told: dict[str, object]) -> None:
        if "onset_ns" in told:
            self._shown.setdefault(str(told["id"]), (time.time_ns(), told))
