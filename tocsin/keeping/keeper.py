"""The keeper: looks at each model when it is due, says what drifts, and has models trained, judged and let in."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from models.registry.errors import ModelDamagedError, ModelMissingError, RegistryError
from models.registry.folder import CANDIDATE, CHAMPION, Entry, Registry
from models.watching.finding import Watch
from models.watching.reference import NoReferenceError, Reference
from store.errors import StoreError
from store.port import Reader, StoreAwayError
from tocsin.keeping import diary as diaries
from tocsin.keeping import shown as showing
from tocsin.keeping import telling
from tocsin.keeping.diary import Diary, Noted, Page, Ringing, Tried
from tocsin.keeping.look import WHOLE, Look, devices_of, looks, reference_of, told
from tocsin.keeping.shown import Shown
from tocsin.keeping.trainings import early, was_champion
from tocsin.keeping.triggers import Case, reason
from wire.config import Config, ModelRule
from wire.messages import Watched
from wire.ports import BusError, FullError, Inbox

TURN_S = 1.0

log = logging.getLogger(__name__)


class Trains(Protocol):
    """Has models trained and judged, one at a time, and says on their pages what came of it."""

    def asked(self, rule: ModelRule) -> bool:
        """Whether a person asked for a training that can begin now."""

    def train(self, rule: ModelRule, page: Page, now_ns: int, *, why: str, files: tuple[str, ...] = ()) -> Page:
        """Begin a training, unless something is under way."""

    def tried(self, rule: ModelRule, page: Page, now_ns: int, *, champion: int, candidate: int, since_ns: int) -> Page:
        """Judge a candidate, if that is for the gate to do and time for it."""

    def over(self, rule: ModelRule, page: Page, now_ns: int) -> Page:
        """The next step of what follows from what came of the one under way; the same page where nothing does."""

    def end(self) -> None:
        """End what is under way."""


class Keeper:
    """Works in a thread of its own; a look at one model that fails leaves the others alone."""

    def __init__(
        self,
        config: Config,
        *,
        reader: Reader,
        inbox: Inbox,
        registry: Callable[[], Registry],
        trainings: Trains,
        folder: Path,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._config = config
        self._reader = reader
        self._inbox = inbox
        self._registry = registry
        self._trainings = trainings
        self._folder = folder
        self._clock_ns = clock_ns
        self._due_ns: dict[str, int] = {}
        self._stop = threading.Event()
        self._diary = diaries.read(folder)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop, then end what is under way; nothing to keep ends it at once."""
        self._stop = stop
        try:
            while self._config.models and not stop.is_set():
                self.turn()
                stop.wait(TURN_S)
        finally:
            self._trainings.end()

    def turn(self) -> None:
        """Whatever is due now."""
        for rule in self._config.models:
            try:
                self._one(rule)
            except (RegistryError, StoreError, StoreAwayError, BusError, FullError, OSError) as error:
                log.warning("model %s cannot be kept just now: %s", rule.name, error)
            except Exception:  # one model's trouble, whatever it is, is not the others'
                log.exception("model %s cannot be kept just now", rule.name)

    @property
    def diary(self) -> Diary:
        """What is known; replaced whole, so any thread may read it."""
        return self._diary

    @property
    def kept(self) -> Mapping[str, str]:
        """By model, in sentences: what rings, what was trained last, what is waited for."""
        return telling.kept(self._config, self._diary)

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of, in sentences."""
        return telling.notes(self._diary)

    def _one(self, rule: ModelRule) -> None:
        now_ns = self._clock_ns()
        while (page := self._trainings.over(rule, self._diary.page(rule.name), now_ns)) != self._diary.page(rule.name):
            self._note(rule.name, page)
            self._due_ns.pop(rule.name, None)  # what came of it may be due at once
        asked = self._trainings.asked(rule)
        # What is due later than ever was planned by a clock that was ahead.
        if not asked and now_ns < self._due_ns.get(rule.name, now_ns) <= now_ns + rule.check_every_ns:
            return
        self._due_ns[rule.name] = now_ns + rule.check_every_ns
        self._note(rule.name, self._looked(rule, self._diary.page(rule.name), now_ns))
        self._note(rule.name, self._began(rule, self._diary.page(rule.name), now_ns, asked=asked))

    def _looked(self, rule: ModelRule, page: Page, now_ns: int) -> Page:
        """Look at the champion, and say what changed."""
        try:
            entry, reference = self._champion(rule.name)
        except (ModelMissingError, NoReferenceError) as error:
            return self._unwatched(rule, page, str(error))
        ringing = {(each.edge, each.device): each for each in page.ringing}
        noted = []
        for look in looks(self._config, entry, reference, self._reader, now_ns=now_ns, turn=page.turn):
            if self._stop.is_set():
                return page
            key = look.edge, look.device
            before = ringing.get(key)
            stood = before is not None and before.version == entry.version
            stands = look.watch.still(stood=stood)
            if stands and (before is None or not stood):
                ringing[key] = Ringing(*key, entry.version, now_ns, told(look.watch), look.from_ns)
                self._say(entry, look, stands=True)
            elif before is not None and not stands and look.watch.findings:
                del ringing[key]
                self._say(entry, look, stands=False)
            noted.append(note(look, stands=key in ringing))
        for key in self._no_more(rule.name, set(ringing)):
            gone = ringing.pop(key)
            self._put(entry, Look(*key, Watch(), now_ns, now_ns), stands=False)
            log.info("%s: model %s watches it no more", gone.device, rule.name)
        return msgspec.structs.replace(
            page,
            ringing=tuple(ringing.values()),
            looked=tuple(noted),
            looked_ns=now_ns,
            version=entry.version,
            unwatched="",
            turn=page.turn + 1,
        )

    def _champion(self, name: str) -> tuple[Entry, Reference]:
        registry = self._registry()
        entry = registry.entry(name, CHAMPION)
        return entry, reference_of(entry, registry)

    def _unwatched(self, rule: ModelRule, page: Page, why: str) -> Page:
        if page.unwatched != why:
            log.warning("model %s is not watched: %s", rule.name, why)
        return msgspec.structs.replace(page, unwatched=why)

    def _say(self, entry: Entry, look: Look, *, stands: bool) -> None:
        """Told before it is noted: what a crash comes between is told twice, which changes nothing."""
        level, word = (logging.WARNING, "drifts") if stands else (logging.INFO, "drifts no more")
        log.log(
            level, "%s %s, says model %s version %d: %s", look.device, word, entry.name, entry.version, told(look.watch)
        )
        self._put(entry, look, stands=stands)

    def _no_more(self, name: str, keys: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """Devices that ring and are watched by another model by now, or by none."""
        known = {(each.edge, each.device) for each in devices_of(self._config, name, self._reader)} if keys else set()
        return {key for key in keys if key[1] != WHOLE and key not in known}

    def _put(self, entry: Entry, look: Look, *, stands: bool) -> None:
        worst = look.watch.worst
        name = f"{entry.name}:{entry.version}:{look.edge}:{look.device}:{look.at_ns}:{int(stands)}"
        self._inbox.append(
            Watched(
                id=name,
                edge=look.edge,
                device=look.device,
                model=entry.name,
                version=entry.version,
                stands=stands,
                value=worst.value if worst else 0.0,
                limit=worst.limit if worst else 0.0,
                channel=worst.channel if worst else "",
                detail=told(look.watch),
                at_ns=look.at_ns,
            )
        )

    def _began(self, rule: ModelRule, page: Page, now_ns: int, *, asked: bool) -> Page:
        """Begin what is due: to judge a candidate that has scored beside for long enough, or a training."""
        registry = self._registry()
        aliases = registry.aliases(rule.name)
        champion, candidate = aliases.get(CHAMPION, 0), aliases.get(CANDIDATE, 0)
        if asked:
            return self._trainings.train(rule, page, now_ns, why="a person asked for it")
        if champion and candidate != champion and (tried := _readable(registry, rule.name, candidate)):
            page = msgspec.structs.replace(page, tried=_since(tried, page.tried, now_ns))
            since_ns = page.tried.since_ns if page.tried else now_ns
            return self._trainings.tried(rule, page, now_ns, champion=champion, candidate=candidate, since_ns=since_ns)
        if not champion or not rule.retrain:
            return msgspec.structs.replace(page, waits="")
        if early(rule, page, now_ns):
            return page
        entry = registry.entry(rule.name, champion)
        try:
            block_ns = reference_of(entry, registry).block_ns
        except NoReferenceError:
            block_ns = 0
        case = Case(self._config, rule, entry, page, self._reader, now_ns, self._shown(entry), block_ns)
        found = reason(case)
        page = msgspec.structs.replace(page, waits=found.waits, since={**page.since, **found.since})
        return self._trainings.train(rule, page, now_ns, why=found.why, files=found.files) if found.why else page

    def _shown(self, entry: Entry) -> Shown:
        """What the last training was shown; of a version that was made elsewhere, what it may have known."""
        found, made_ns = showing.read(self._folder, entry.name), entry.manifest.facts.made_at_ns
        if made_ns > found.made_ns:
            found = showing.taken_in(found, showing.known(self._reader), made_ns)
            showing.write(self._folder, entry.name, found)
        return found

    def _note(self, name: str, page: Page) -> None:
        if page != self._diary.page(name):
            self._diary = self._diary.wrote(name, page)
            diaries.write(self._folder, self._diary)


def _readable(registry: Registry, name: str, candidate: int) -> Entry | None:
    """A candidate; none where its version is gone or damaged: it must not keep a better one from being trained.

    One that was the champion and was taken back is none either: the gate does not undo what a person did.
    """
    try:
        return None if not candidate or was_champion(registry, name, candidate) else registry.entry(name, candidate)
    except (ModelMissingError, ModelDamagedError) as error:
        log.warning("model %s: its candidate is no candidate: %s", name, error)
        return None


def _since(candidate: Entry, known: Tried | None, now_ns: int) -> Tried:
    """When a candidate was made; where that is yet to come, by a clock that was set since, when that was seen first."""
    if known is not None and known.version == candidate.version and known.since_ns <= now_ns:
        return known
    return Tried(candidate.version, min(candidate.manifest.facts.made_at_ns, now_ns))


def note(look: Look, *, stands: bool) -> Noted:
    """A look as it is kept."""
    worst = look.watch.worst
    return Noted(look.edge, look.device, look.at_ns, stands, told(look.watch), worst.share if worst else 0.0)
