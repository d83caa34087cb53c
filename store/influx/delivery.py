"""Writing a load until it is stored: tried for ever while InfluxDB is away, split where it refuses something."""

import logging
import re
import threading
from collections.abc import Sequence

from store.influx.client import InfluxClient
from store.influx.errors import InfluxAwayError, InfluxError, InfluxRefusedError
from store.influx.health import SinkHealth
from store.influx.load import Load, Part, letter
from wire.envelope import pack
from wire.messages import DeadLetter
from wire.ports import BusError, Publisher
from wire.topics import DEAD

FIRST_S, LONGEST_S, LONGEST_ASKED_S = 0.25, 20.0, 300.0
EXPIRED = re.compile(r"beyond retention policy(?: dropped=(\d+))?")
BLAMED = re.compile(
    r"partial write|unable to parse|field type conflict|too large|max[ -]values|max[ -]series|max key", re.IGNORECASE
)
LOOK_S = 0.5

log = logging.getLogger(__name__)
Line = tuple[Part, bytes]


class StoppedError(Exception):
    """The sink was told to end before the load was stored."""


class Delivery:
    """Brings loads into one bucket, and what it refuses to the dead letters; used by several writers."""

    def __init__(
        self, client: InfluxClient, publisher: Publisher, *, health: SinkHealth, stop: threading.Event
    ) -> None:
        self._client = client
        self._publisher = publisher
        self._health = health
        self._stop = stop

    def deliver(self, load: Load) -> bool:
        """Return true when every line is stored or buried, false if the sink was told to end before."""
        try:
            letters = [*load.letters, *self._stored(load)]
            self._bury(letters)
        except StoppedError:
            return False
        self._health.add(unread=load.unread)
        return True

    def _stored(self, load: Load) -> list[DeadLetter]:
        """Store what can be; the dead letters of the rest."""
        if not load.lines:
            return []
        said = self._write(b"".join(part.lines for part in load.parts), load.lines)
        if not said:
            return []
        lines = [(part, line) for part in load.parts for line in part.lines.splitlines(keepends=True)]
        wait_s = FIRST_S
        while True:
            refused = self._sift(lines, said)
            if len(refused) < len(lines) or all(BLAMED.search(why) for *_, why in refused):
                break
            self._wait(f"InfluxDB refuses every line, so it is none of theirs to blame: {said}", wait_s)
            wait_s = min(2 * wait_s, LONGEST_S)
        self._health.tell("")
        return self._letters(refused)

    def _sift(self, lines: Sequence[Line], said: str) -> list[tuple[Part, bytes, str]]:
        """Find the lines that are refused by halves; all others are stored."""
        if len(lines) == 1:
            return [(*lines[0], said)]
        middle = len(lines) // 2
        found: list[tuple[Part, bytes, str]] = []
        for half in (lines[:middle], lines[middle:]):
            why = self._write(b"".join(line for _, line in half), len(half))
            found += self._sift(half, why) if why else []
        return found

    def _letters(self, refused: Sequence[tuple[Part, bytes, str]]) -> list[DeadLetter]:
        letters: list[DeadLetter] = []
        for part, line, why in refused:
            log.warning("InfluxDB refused a line of %s offset %d: %s", part.record.topic, part.record.offset, why)
            if part.record.topic == DEAD:
                self._health.add(lost_letters=1)  # a letter about a letter would never end
            else:
                reason = f"InfluxDB refused this line: {why}"
                letters.append(letter(part.record, part.origin, reason, line.rstrip(b"\n")))
        return letters

    def _write(self, lines: bytes, count: int) -> str:
        """Write until InfluxDB says what it thinks: nothing, or why it refuses. Raises StoppedError."""
        wait_s = FIRST_S
        while not self._stop.is_set():
            try:
                self._client.write(lines)
            except InfluxRefusedError as error:
                expired = EXPIRED.search(error.said)
                if not expired:
                    return error.said
                gone = int(expired[1] or count)
                if not self._health.expired:
                    log.warning("lines are older than the bucket keeps, and are only counted: %s", error.said)
                self._health.add(expired=gone)
                count -= gone
            except InfluxError as error:
                asked_s = min(error.retry_after_s, LONGEST_ASKED_S) if isinstance(error, InfluxAwayError) else LONGEST_S
                self._health.add(tries=1)
                self._wait(str(error), max(wait_s, asked_s))
                wait_s = min(2 * wait_s, LONGEST_S)
                continue
            if self._health.tell(""):
                log.info("InfluxDB takes lines again")
            self._health.add(lines=count, requests=1)
            return ""
        raise StoppedError

    def _wait(self, trouble: str, wait_s: float) -> None:
        if self._health.tell(trouble):
            log.warning("%s", trouble)
        if self._stop.wait(wait_s):
            raise StoppedError

    def _bury(self, letters: Sequence[DeadLetter]) -> None:
        """Put dead letters on the bus and wait until they are there. Raises StoppedError."""
        waiting, wait_s = list(letters), FIRST_S
        while waiting:
            failed, why = self._published(waiting)
            self._health.add(dead=len(waiting) - len(failed))
            waiting = failed
            if waiting:
                self._wait(f"dead letters cannot be put on the bus: {why}", wait_s)
                wait_s = min(2 * wait_s, LONGEST_S)
        self._health.tell("")

    def _published(self, letters: Sequence[DeadLetter]) -> tuple[list[DeadLetter], str]:
        said: dict[int, str] = {}
        told = threading.Condition()

        def tell(place: int, why: str) -> None:
            with told:
                said[place] = why
                told.notify_all()

        for place, each in enumerate(letters):
            try:
                self._publisher.publish(
                    DEAD,
                    each.origin.edge.encode(),
                    pack(each),
                    lambda why, place=place: tell(place, why),  # type: ignore[misc]
                )
            except BusError as error:
                tell(place, str(error))
        with told:
            while not told.wait_for(lambda: len(said) == len(letters), LOOK_S):
                if self._stop.is_set():
                    raise StoppedError
        failed = [each for place, each in enumerate(letters) if said[place]]
        return failed, next((why for why in said.values() if why), "")
