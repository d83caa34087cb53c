"""What starts a training by itself: drift, age, new labels, changed data."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np

from models.reading.errors import ReadingError
from models.reading.packed import unpacked
from models.registry.folder import Entry
from models.registry.manifest import Source
from store.port import Reader
from tocsin.keeping.diary import Page
from tocsin.keeping.look import WHOLE, devices_of, present, procedures_of
from tocsin.keeping.spans import USUAL, painted, spans
from wire.config import Config, ModelRule
from wire.units import duration_text

MOST_LABELS = 10_000
MOST_ALARMS = 500
MOST_RUNS = 2_000
MOST_BYTES = 2**28  # of a file that is read again
FEW = 0.9  # of a device's newest rows that must be usable for a training to learn what is new
NEWEST = 4  # such a part of a block
POINTS = 500


class Case(msgspec.Struct, frozen=True):
    """What a trigger may look at."""

    config: Config
    rule: ModelRule
    entry: Entry  # the champion
    page: Page
    reader: Reader
    now_ns: int
    block_ns: int = 0  # of the champion's reference


class Reason(msgspec.Struct, frozen=True):
    """Why a training is due, or is due and cannot start."""

    why: str = ""
    waits: str = ""
    files: tuple[str, ...] = ()  # to train on, instead of the store


NOTHING = Reason()


def reason(case: Case) -> Reason:
    """The first trigger of the rule that says so."""
    waits = ""
    for trigger in case.rule.retrain:
        found = TRIGGERS[trigger](case)
        if found.why:
            return found
        waits = waits or found.waits
    return Reason(waits=waits)


def _drift(case: Case) -> Reason:
    standing = [each for each in case.page.ringing if each.version == case.entry.version]
    if not standing:
        return NOTHING
    for each in standing:
        if each.device == WHOLE or _usable(case, each.device) >= FEW:
            return Reason(why=f"drift of {each.device}: {each.detail}")
    return Reason(waits=f"{standing[0].device} drifts, but its newest rows stand under alarms that nobody judged")


def _usable(case: Case, device: str) -> float:
    """The share of a device's newest rows that a training may take as normal."""
    known = {each.device: each for each in present(case.config, case.rule.name, case.reader, case.now_ns)}
    if device not in known:
        return 0.0
    end_ns = known[device].last_ns + 1
    start_ns = end_ns - max(NEWEST, case.block_ns) // NEWEST
    newest = case.reader.readings(device, start_ns=start_ns, end_ns=end_ns, points=POINTS)
    alarms = case.reader.alarms(device=device, limit=MOST_ALARMS)
    labels = case.reader.labels(device=device, limit=MOST_LABELS)
    said = painted(np.array(newest.t_ns), spans(alarms, labels, end_ns=end_ns, history=case.reader.history))
    return float(np.mean(said == USUAL)) if len(said) else 0.0


def _age(case: Case) -> Reason:
    old_ns, most = case.now_ns - case.entry.manifest.facts.made_at_ns, duration_text(case.rule.max_age_ns)
    if abs(old_ns) <= case.rule.max_age_ns:
        return NOTHING
    if old_ns < 0:
        return Reason(
            why=f"version {case.entry.version} says it was made more than {most} from now: its age is unknown"
        )
    return Reason(why=f"version {case.entry.version} is older than {most}")


def _labels(case: Case) -> Reason:
    facts = case.entry.manifest.facts
    went_in = set(facts.data.labels)
    watched = {each.device for each in devices_of(case.config, case.rule.name, case.reader)}
    runs = case.reader.runs(since_ns=facts.made_at_ns, limit=MOST_RUNS, rows=False)
    called = set(procedures_of(case.config, case.rule.name, runs))
    mine = {run.run for run in runs if run.procedure in called}
    every = case.reader.labels(withdrawn=True, limit=MOST_LABELS)
    new = sum(
        (each.device in watched or each.run in mine)
        and each.at_ns > facts.made_at_ns
        and not each.withdrawn_by
        and each.id not in went_in
        for each in every
    )
    gone = sum(bool(each.withdrawn_by) and each.id in went_in for each in every)
    if new + gone < case.rule.new_labels:
        return NOTHING
    return Reason(why=f"{new} labels are new and {gone} were withdrawn since version {case.entry.version} was trained")


def _data(case: Case) -> Reason:
    """Of a model that was trained on files; what else the store holds of a stretch is told by labels and drift."""
    files = [each for each in case.entry.manifest.facts.data.sources if not each.device and not each.procedure]
    changed = [each.name for each in files if _changed(each, case.entry.manifest.facts.made_at_ns)]
    if not changed:
        return NOTHING
    why = f"{changed[0]} is no longer what version {case.entry.version} was trained on"
    return Reason(why=why, files=tuple(each.name for each in files))


def _changed(source: Source, made_ns: int) -> bool:
    """Whether a file that was written since holds something else; one that is gone, damaged or too large does not."""
    file = Path(source.name)
    try:
        if not file.is_file() or file.stat().st_size > MOST_BYTES or file.stat().st_ctime_ns < made_ns:
            return False
        return sha256(unpacked(file)).hexdigest() != source.sha256
    except (OSError, ReadingError):
        return False


TRIGGERS: Mapping[str, Callable[[Case], Reason]] = {"drift": _drift, "age": _age, "labels": _labels, "data": _data}
