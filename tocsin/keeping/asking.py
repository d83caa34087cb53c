"""What commands ask about keeping models: a look now, or a training now, of a stopped box or one that runs."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from models.registry.errors import ModelMissingError
from models.registry.folder import CHAMPION
from models.watching.reference import NoReferenceError
from store.box.box import DuckStore
from store.errors import StoreError, StoreLockedError
from store.port import Reader, StoreFullError
from tocsin.keeping import diary as diaries
from tocsin.keeping.composing import registry_of, trainings
from tocsin.keeping.diary import Page
from tocsin.keeping.keeper import note
from tocsin.keeping.look import looks, reference_of
from tocsin.keeping.trainings import ASKED
from tocsin.options import PROBLEM, USAGE
from tocsin.places import is_fleet, keeping_folder, store_path
from wire.config import ModelRule
from wire.ports import BusError, Wish
from wire.settings import Loaded

POLL_S = 0.2
HEARD_S = 90.0  # a keeper that is at a look hears of it after that


class AskingError(Exception):
    """It cannot be done; the message says why and what would help."""

    code = PROBLEM


class NotKeptError(AskingError):
    """The config does not keep this model."""

    code = USAGE


class Nowhere:
    """Where a stopped box's alarms would go: nothing scores, so nothing rings."""

    def append(self, message: Wish) -> int:
        """Raises BusError."""
        msg = f"the box does not run, so nothing came of {type(message).__name__}"
        raise BusError(msg)


def looked(loaded: Loaded, name: str) -> Page:
    """What a look finds now; of a box that runs, or of a fleet, what its keeper found last. Raises AskingError."""
    with _stopped(loaded) as store:
        if store is None:
            page = diaries.read(keeping_folder(loaded)).page(name)
            if not page.looked_ns and not page.unwatched:
                msg = f"the keeper has not looked at {name} yet: is it in [[models]] of the running box?"
                raise AskingError(msg)
            return page
        registry = registry_of(loaded)
        try:
            entry = registry.entry(name, CHAMPION)
            reference = reference_of(entry, registry)
        except (ModelMissingError, NoReferenceError) as error:
            return Page(unwatched=str(error))
        now_ns = time.time_ns()
        found = looks(loaded.config, entry, reference, store, now_ns=now_ns)
        noted = tuple(note(look, stands=look.watch.stands) for look in found)
        return Page(looked=noted, looked_ns=now_ns, version=entry.version)


def retrained(loaded: Loaded, name: str, said: Callable[[str], None]) -> Page:
    """Train a model anew and wait for what comes of it. Raises AskingError, KeyboardInterrupt."""
    rule = next((each for each in loaded.config.models if each.name == name), None)
    if rule is None:
        known = ", ".join(each.name for each in loaded.config.models) or "none"
        msg = f'no [[models]] with name = "{name}" says how it is trained anew; there are: {known}'
        raise NotKeptError(msg)
    with _stopped(loaded) as store:
        if store is None:
            said(f"the running box is asked to train {name} anew")
            return _asked(loaded, name)
        said(f"training {name} anew, from what the stopped box has stored")
        return _trained(loaded, rule, store)


@contextmanager
def _stopped(loaded: Loaded) -> Iterator[Reader | None]:
    """The store of a stopped box; None while another process has it."""
    if is_fleet(loaded.config):
        yield None
        return
    try:
        with ExitStack() as stack:
            yield _opened(loaded, stack)
    except (StoreError, StoreFullError) as error:
        raise AskingError(str(error)) from error


def _opened(loaded: Loaded, stack: ExitStack) -> Reader | None:
    try:
        return stack.enter_context(DuckStore(path=store_path(loaded), read_only=True))
    except StoreLockedError:
        return None


def _trained(loaded: Loaded, rule: ModelRule, store: Reader) -> Page:
    folder = keeping_folder(loaded)
    diary, work = diaries.read(folder), trainings(loaded, store, Nowhere())
    try:
        page = diary.page(rule.name)
        while (after := work.over(rule, page, time.time_ns())) != page:  # what a box that was killed left to be done
            page = after
        page = work.train(rule, page, time.time_ns(), why="a person asked for it")
        while page.begun_ns:
            time.sleep(POLL_S)
            page = work.over(rule, page, time.time_ns())
    finally:
        work.end()
    diaries.write(folder, diary.wrote(rule.name, page))
    return page


def _asked(loaded: Loaded, name: str) -> Page:
    """By a file, which the keeper takes away when it begins; and then until its diary says what came of it."""
    folder = keeping_folder(loaded)
    folder.mkdir(parents=True, exist_ok=True)
    before, wish = diaries.read(folder).page(name), folder / f"{ASKED}{name}"
    wish.touch()
    deadline_s = time.monotonic() + HEARD_S
    while wish.exists():
        if time.monotonic() > deadline_s and not diaries.read(folder).page(name).begun_ns:
            wish.unlink(missing_ok=True)
            msg = f"no keeper takes it up: does the running box have {name} in [[models]]? Restart it after a change"
            raise AskingError(msg)
        time.sleep(POLL_S)
    while True:
        page = diaries.read(folder).page(name)
        if page.last != before.last and not page.begun_ns:
            return page
        time.sleep(POLL_S)
