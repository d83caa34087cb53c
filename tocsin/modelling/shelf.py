"""The detectors that a config names: the self-learning one, and versions of the registry as they are asked for."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec
import numpy as np

from models.contract import F64, Detector, Job, Scored
from models.registry.errors import RegistryError
from models.registry.folder import CHAMPION, Registry
from models.scoring import speechless
from models.selflearning.online import Online
from models.watching.reference import FILE, NoReferenceError, Reference, decoded
from stream.models.detectors import SELF_LEARNING, models_named
from tocsin.modelling.place import registry
from tocsin.places import models_url
from wire.messages import NS_PER_S
from wire.settings import Loaded

KEPT = 4  # versions of a model that are kept loaded; of more, the one longest unused goes
TRIAL_ROWS, VARIED_ROWS = 256, 128
REASONS = 1000  # remembered; of more, the oldest goes, and that version would be tried again
UNKNOWN = "the configuration names no such model"
FAULTS = (-20.0, -6.0, -3.0, 3.0, 6.0, 20.0)  # widths of a channel
Load = Callable[[str, int | str], Detector]
Usual = Callable[[str, int | str], Reference | None]

log = logging.getLogger(__name__)


class Champions(msgspec.Struct, frozen=True):
    """The models that a config names, by name: those that are to be had, and why others are not."""

    found: Mapping[str, Detector]
    missing: Mapping[str, str]


class Shelf:
    """Gives the core any version of the models that are named; asked by several threads.

    Version 0 is the champion of when it was first asked for. What could not be had stays so until `fetch` gets it: the
    core is told the same each time it asks.
    """

    def __init__(self, load: Load, names: Iterable[str], usual: Usual = lambda _name, _version: None) -> None:
        self.names = tuple(sorted(names))
        self._load = load
        self._usual = usual
        self._online = Online()
        self._lock = threading.Lock()
        self._kept: dict[str, dict[int, Detector]] = {name: {} for name in self.names}
        self._champions: dict[str, int] = {}
        self._why: dict[tuple[str, int], str] = {}

    def find(self, name: str, version: int) -> Detector | None:
        """See stream.detectors.Detectors; what is not at hand is loaded while the core waits, as after a restart."""
        if name == SELF_LEARNING:
            return self._online if version in {0, self._online.version} else None
        if name not in self._kept:
            return None
        with self._lock:
            version = version or self._champions.get(name, 0)
            if (name, version) in self._why:
                return None
            known = self._kept[name].pop(version, None)
            if known is not None:
                self._kept[name][version] = known  # the newest used stands last
                return known
        return self.fetch(name, version)

    def why(self, name: str, version: int = 0) -> str:
        """See stream.detectors.Detectors."""
        return self._why.get((name, version), UNKNOWN if name not in self._kept else "it cannot be loaded")

    def fetch(self, name: str, version: int) -> Detector | None:
        """Load a version and try it out, also one that could not be had before."""
        try:
            detector = self._load(name, version or CHAMPION)
            trouble = tried_out(detector, self._usual(name, version or CHAMPION))
        except Exception as error:  # noqa: BLE001 -- what a file makes of a library is not foreseen, and `why` tells
            detector, trouble = None, reason(name, error)
        with self._lock:
            if detector is None or trouble:
                if self._why.get((name, version)) != trouble:
                    log.warning("model %s version %s is not to be had: %s", name, version or CHAMPION, trouble)
                self._why.pop((name, version), None)
                self._why[name, version] = trouble
                while len(self._why) > REASONS:
                    del self._why[next(iter(self._why))]
                return None
            self._why.pop((name, version), None)
            self._keep(name, detector, champion=not version)
        return detector

    def _keep(self, name: str, detector: Detector, *, champion: bool) -> None:
        if champion:
            self._champions.setdefault(name, detector.version)
        kept = self._kept[name]
        kept[detector.version] = detector
        while len(kept) > KEPT:
            del kept[next(iter(kept))]


def tried_out(detector: Detector, usual: Reference | None = None) -> str:
    """Why a detector that was just loaded is not put to work: it must not fail on rows, nor have nothing to say.

    Nor may it say one and the same of everything: of rows all over what it was trained on (`usual`, where that is
    known), of such with a channel far off, and of rows of any size.
    """
    width = max(1, len(detector.channels))
    still, *others = _said(detector, [np.zeros((TRIAL_ROWS, width)), *_varied(detector, width, usual)])
    last = slice(TRIAL_ROWS - 1, None)
    outlook = None if still.outlook is None else still.outlook[last]
    newest = msgspec.structs.replace(still, score=still.score[last], outlook=outlook)
    if still.warm >= 1.0 and speechless(newest, np.ones(1, dtype=np.bool_)):
        return f"it gives no number for any of {TRIAL_ROWS} rows"
    same = _the_same([still, *others])
    return "" if same is None else f"it says {same:.2f} of every row, whatever the row holds"


def _said(detector: Detector, shown: Sequence[F64]) -> list[Scored]:
    jobs = [
        Job(
            state=detector.cold(rows.shape[1]),
            t_ns=np.arange(len(rows), dtype=np.int64) * NS_PER_S,
            rows=rows,
            running=np.ones(len(rows), dtype=np.bool_),
        )
        for rows in shown
    ]
    with np.errstate(all="ignore"):
        return detector.advance(jobs)


def _varied(detector: Detector, width: int, usual: Reference | None) -> list[F64]:
    """Rows that no model can take for alike: of any size, and within what is usual, each channel in turn far off."""
    chance = np.random.default_rng(0)
    size = 10.0 ** chance.uniform(-3.0, 6.0, (VARIED_ROWS, 1))
    found: list[F64] = [size * chance.normal(size=(VARIED_ROWS, width))]
    if usual is not None:
        spreads = dict(zip(usual.channels, usual.part("").channels, strict=False))
        near, off = np.zeros((VARIED_ROWS, width)), np.zeros((VARIED_ROWS, width))
        for at, spread in enumerate(map(spreads.get, detector.channels)):
            if spread is not None and spread.quantiles:
                near[:, at] = chance.choice(spread.quantiles, VARIED_ROWS)
                off[at::width, at] = spread.width * chance.choice(FAULTS, len(off[at::width]))
        found += [near, near + off]
    return found


def _the_same(said: Sequence[Scored]) -> float | None:
    """What all scores and all outlooks are, where each is one number all over; None where anything varies."""
    score = np.concatenate([each.score for each in said])
    columns = [score[np.isfinite(score)]]
    if said[0].outlook is not None:
        outlook = np.concatenate([each.outlook for each in said if each.outlook is not None])
        columns += [outlook[np.isfinite(outlook[:, at]), at] for at in range(outlook.shape[1])]
    known = [column for column in columns if len(column)]
    return float(known[0][0]) if known and not any(np.ptp(column) for column in known) else None


def usual_of(where: Registry, name: str, version: int | str) -> Reference | None:
    """What a version was trained on, where that was kept with it."""
    with suppress(RegistryError, NoReferenceError):
        return decoded(where.file(where.entry(name, version), FILE))
    return None


def reason(name: str, error: Exception) -> str:
    """Why a model could not be loaded, as a sentence."""
    if isinstance(error, RegistryError):
        return str(error)
    if isinstance(error, ImportError):
        return f"{error.name or error} is not installed: pip install 'tocsin[models]'"
    log.error("model %s cannot be loaded", name, exc_info=error)
    return f"it cannot be loaded: {type(error).__name__}: {error}"


def champions(loaded: Loaded) -> Champions:
    """Load what is named; where nothing is, no library that models are made with is loaded either."""
    at_hand = shelf(loaded)
    found = {name: at_hand.find(name, 0) for name in models_named(loaded.config)}
    return Champions(
        {name: detector for name, detector in found.items() if detector is not None},
        {name: at_hand.why(name) for name, detector in found.items() if detector is None},
    )


def shelf(loaded: Loaded) -> Shelf:
    """For the core; the devices of a model that cannot be had say so by an alarm, and learn by themselves."""

    def load(name: str, version: int | str) -> Detector:
        return registry(models_url(loaded)).load(name, version)

    def usual(name: str, version: int | str) -> Reference | None:
        return usual_of(registry(models_url(loaded)), name, version)

    return Shelf(load, models_named(loaded.config), usual)
