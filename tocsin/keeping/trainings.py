"""Trainings and judgings: what is asked of a process, and what follows from what comes of it."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from models.registry.errors import ModelDamagedError, ModelMissingError
from models.registry.folder import CANDIDATE, CHAMPION, Registry
from store.errors import StoreError
from store.port import Reader, StoreAwayError
from tocsin.keeping import portions
from tocsin.keeping import shown as showing
from tocsin.keeping.diary import Ended, Page, Ruling, Trained
from tocsin.keeping.job import Job, Kind, Result
from tocsin.keeping.process import Process, folder_in, sweep
from tocsin.keeping.shown import Shown, shown
from tocsin.reaching.at_hand import AtHand
from wire.config import DAY_NS, Config, ModelRule
from wire.messages import ModelChange
from wire.ports import BusError, FullError, Inbox

ASKED = "asked-"  # a file of this name asks for a training
WHO = "gate"
LOUD_S = 10.0  # after a candidate was dropped, so that the word of it does not end the alarm

log = logging.getLogger(__name__)


class Trainings:
    """At most one is under way. `recipe_at`: where the recipe of a rule lies; `registry_url`: as a command names it."""

    def __init__(
        self,
        config: Config,
        *,
        reader: Reader,
        inbox: Inbox,
        registry: Callable[[], Registry],
        registry_url: str,
        recipe_at: Callable[[str], str],
        folder: Path,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._reader = reader
        self._inbox = inbox
        self._registry = registry
        self._url = registry_url
        self._recipe_at = recipe_at
        self._folder = folder
        self._clock_s = clock_s
        self._process: Process | None = None
        self._loud_s: dict[str, float] = {}  # by model, when a refusal may be told of
        sweep(folder)

    @property
    def under_way(self) -> Job | None:
        """What is being done just now."""
        return self._process.job if self._process else None

    def asked(self, rule: ModelRule) -> bool:
        """Whether a person asked for a training; it waits while another is under way."""
        return self._process is None and (self._folder / f"{ASKED}{rule.name}").exists()

    def train(self, rule: ModelRule, page: Page, now_ns: int, *, why: str, files: tuple[str, ...] = ()) -> Page:
        """Begin a training, unless something is under way."""
        (self._folder / f"{ASKED}{rule.name}").unlink(missing_ok=True)
        if self._process is not None:
            return page
        log.info("model %s is trained anew: %s", rule.name, why)
        return self._begun(rule, page, now_ns, kind="train", why=why, files=files)

    def tried(self, rule: ModelRule, page: Page, now_ns: int, *, champion: int, candidate: int, since_ns: int) -> Page:
        """Judge a candidate, if it has scored beside the champion for long enough and nothing else is under way."""
        if rule.promote != "gate":
            says = f"version {candidate} is tried until a person says tocsin models promote {rule.name}@{candidate}"
            return msgspec.structs.replace(page, waits=says)
        if self._process is not None:
            return page
        if now_ns < since_ns + rule.shadow_for_ns or early(rule, page, now_ns):
            return page
        job = {"champion": champion, "candidate": candidate, "since_ns": since_ns}
        return self._begun(rule, page, now_ns, kind="judge", why=f"version {candidate} was tried", **job)

    def over(self, rule: ModelRule, page: Page, now_ns: int) -> Page:
        """The next step of what follows from what came of the one under way; the same page where nothing does.

        Each is written down before the next one is taken, so that what is cut short by a kill goes on from there.
        """
        if page.ruling is not None:
            return self._done(rule, page, page.ruling, now_ns)
        if page.unsaid:
            page = self._said_aloud(rule, page)
        if self._process is None or self._process.job.name != rule.name:
            return self._lost(rule, page, now_ns) if page.begun_ns and self._process is None else page
        result = self._process.over()
        if result is None:
            return page
        job, self._process = self._process.job, None
        if job.kind == "train":
            return self._ended(rule, page, now_ns, result, why=job.why)
        return self._judged(rule, page, now_ns, result, job)

    def end(self) -> None:
        """Kill what is under way."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def _begun(self, rule: ModelRule, page: Page, now_ns: int, *, kind: Kind, why: str, **more: object) -> Page:
        folder = folder_in(self._folder)
        job = msgspec.structs.replace(self._job(rule, now_ns, kind=kind, why=why), **more)
        page = msgspec.structs.replace(page, begun_ns=now_ns, judging=job.candidate, waits="")
        try:
            if kind == "train":
                showing.begin(self._folder, rule.name, self._shown(rule, page, now_ns))
            self._process = Process(job if job.files else self._with_rows(job, rule, folder, page.since), folder)
        except (StoreError, StoreAwayError, OSError) as error:
            portions.drop(folder)
            return self._ended(rule, page, now_ns, Result(ok=False, says=str(error)), why=why)
        return page

    def _shown(self, rule: ModelRule, page: Page, now_ns: int) -> Shown:
        start_ns = now_ns - rule.history_ns
        return shown(self._config, rule.name, self._reader, start_ns=start_ns, end_ns=now_ns, since=page.since)

    def _job(self, rule: ModelRule, now_ns: int, *, kind: Kind, why: str) -> Job:
        return Job(
            kind=kind,
            name=rule.name,
            recipe=self._recipe_at(rule.recipe),
            called=rule.recipe,
            registry=self._url,
            memory=rule.memory,
            why=why,
            owner=next((each.owner for each in self._config.devices if each.model == rule.name and each.owner), ""),
            at_ns=now_ns,
        )

    def _with_rows(self, job: Job, rule: ModelRule, folder: Path, since: Mapping[str, int]) -> Job:
        """With what the store holds of its history."""
        weighed = since if job.kind == "train" else portions.NOT_SINCE
        held = AtHand(self._reader, taken=lambda runs: portions.evened(runs, weighed))
        start_ns = job.at_ns - rule.history_ns
        return portions.gathered(self._config, job, held, folder, start_ns=start_ns, since=since)

    def _ended(self, rule: ModelRule, page: Page, now_ns: int, result: Result, *, why: str) -> Page:
        """A training is over; after failures the next one waits twice as long each time."""
        ended: Ended = "candidate" if result.ok else "failed"
        if result.ok:
            showing.end(self._folder, rule.name)
            log.info("model %s version %d: %s", rule.name, result.version, result.says)
        else:
            log.warning("model %s could not be trained anew: %s", rule.name, result.says)
        last = Trained(now_ns, ended, why, result.says, result.version)
        return _after(rule, page, last, failures=page.failures if result.ok else page.failures + 1)

    def _judged(self, rule: ModelRule, page: Page, now_ns: int, result: Result, job: Job) -> Page:
        """Note what the gate said; a judging that failed is tried again later."""
        if result.waits:
            wait_ns = now_ns + rule.check_every_ns
            return msgspec.structs.replace(page, begun_ns=0, judging=0, waits=result.says, not_before_ns=wait_ns)
        if not result.version:
            return self._ended(rule, page, now_ns, result, why=job.why)
        return msgspec.structs.replace(page, ruling=Ruling(job.candidate, result.ok, result.says, job.why))

    def _done(self, rule: ModelRule, page: Page, ruling: Ruling, now_ns: int) -> Page:
        """Let the candidate in, or refuse it loudly: once, however often this is begun."""
        registry, version = self._registry(), ruling.version
        stands = registry.aliases(rule.name).get(CANDIDATE)
        if ruling.passes:
            if stands != version:  # somebody was faster
                return msgspec.structs.replace(page, begun_ns=0, judging=0, ruling=None)
            if not was_champion(registry, rule.name, version):
                registry.point(rule.name, CHAMPION, version, who=WHO, why=ruling.says)
                log.warning("model %s version %d is the champion now: %s", rule.name, version, ruling.says)
            return _after(rule, page, Trained(now_ns, "promoted", ruling.why, ruling.says, version), failures=0)
        if stands == version:
            registry.drop(rule.name, CANDIDATE)
        elif stands:
            return msgspec.structs.replace(page, begun_ns=0, judging=0, ruling=None)
        says = f"version {version} is refused by the gate: {ruling.says}"
        log.warning("model %s %s", rule.name, says)
        self._loud_s[rule.name] = self._clock_s() + LOUD_S
        last = Trained(now_ns, "refused", ruling.why, says, version)
        return msgspec.structs.replace(_after(rule, page, last, failures=page.failures + 1), unsaid=True)

    def _lost(self, rule: ModelRule, page: Page, now_ns: int) -> Page:
        """Nothing is under way, though the page says so: it was killed; what a training had stored by then is there."""
        made = 0 if page.judging else _made_at(self._registry(), rule.name, page.begun_ns)
        if made:
            result = Result(ok=True, says=f"version {made} was stored before its box was killed", version=made)
            return self._ended(rule, page, now_ns, result, why="")
        return self._ended(rule, page, now_ns, Result(ok=False, says=LOST), why="")

    def _said_aloud(self, rule: ModelRule, page: Page) -> Page:
        """Ring for a candidate that was refused; a repetition after a kill changes nothing."""
        last, due_s = page.last, self._loud_s.setdefault(rule.name, self._clock_s() + LOUD_S)
        if last is None or self._clock_s() < due_s:
            return page
        try:
            self._inbox.append(_refusal(rule.name, last))
        except (BusError, FullError) as error:
            log.warning("model %s: %s; and no alarm could be raised just now: %s", rule.name, last.says, error)
            self._loud_s[rule.name] = self._clock_s() + LOUD_S
            return page
        del self._loud_s[rule.name]
        return msgspec.structs.replace(page, unsaid=False)


LOST = "it was killed, or its box was, before it came to an end"


def early(rule: ModelRule, page: Page, now_ns: int) -> bool:
    """Whether the next training has to wait; a wait that is longer than any was set by a clock that was ahead."""
    return now_ns < page.not_before_ns <= now_ns + max(DAY_NS, rule.check_every_ns)


def _after(rule: ModelRule, page: Page, last: Trained, *, failures: int) -> Page:
    wait_ns = min(DAY_NS, rule.check_every_ns * 2 ** min(failures, 16)) if failures else 0
    return msgspec.structs.replace(
        page,
        begun_ns=0,
        judging=0,
        ruling=None,
        last=last,
        failures=failures,
        not_before_ns=last.at_ns + max(wait_ns, rule.check_every_ns),
    )


def was_champion(registry: Registry, name: str, version: int) -> bool:
    """Whether a version was let in once, as far as history tells: who took it back knows why."""
    with suppress(ModelDamagedError):
        return any((step.alias, step.new) == (CHAMPION, version) for step in registry.history(name))
    return False


def _made_at(registry: Registry, name: str, at_ns: int) -> int:
    """The version that a training stored which was begun then; 0: none."""
    for version in reversed(registry.versions(name)):
        try:
            if registry.entry(name, version).manifest.facts.made_at_ns == at_ns:
                return version
        except (ModelMissingError, ModelDamagedError):
            continue
    return 0


def _refusal(name: str, last: Trained) -> ModelChange:
    told = f"{name}:refused:{last.version}:{last.at_ns}"
    return ModelChange(told, name, last.version, WHO, last.at_ns, role="candidate", trouble=last.says)
