"""What starts a training by itself: drift, age, new labels, changed data."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np

from models.arrays import I64, Bools
from models.catalogue.nodes import iso
from models.reading.errors import ReadingError
from models.reading.packed import unpacked
from models.registry.folder import Entry
from models.registry.manifest import Source
from store.port import Reader
from tocsin.keeping.diary import Page, Ringing
from tocsin.keeping.look import WHOLE, devices_of, present, procedures_of, whole_of
from tocsin.keeping.shown import Shown, filled, known, word
from tocsin.keeping.spans import USUAL, painted, spans
from wire.config import HOUR_NS, Config, ModelRule
from wire.units import duration_text

MOST_LABELS = 10_000
MOST_ALARMS = 500
MOST_RUNS = 20_000
MOST_BYTES = 2**28  # of a file that is read again
FEW = 0.9  # of a device's newest rows that must be usable for a training to learn what is new
NEWEST = 4  # such a part of a block
POINTS, PARTS = 500, 50  # of a stretch: rows that are asked for, and how finely it is told where there are any


class Case(msgspec.Struct, frozen=True):
    """What a trigger may look at."""

    config: Config
    rule: ModelRule
    entry: Entry  # the champion
    page: Page
    reader: Reader
    now_ns: int
    shown: Shown = Shown()  # to the last training
    block_ns: int = 0  # of the champion's reference


class Reason(msgspec.Struct, frozen=True):
    """Why a training is due, or is due and cannot start."""

    why: str = ""
    waits: str = ""
    files: tuple[str, ...] = ()  # to train on, instead of the store
    since: Mapping[str, int] = {}  # by device, or `whole_of` an edge: when it drifted


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
    """Of rows once there are enough of since then, and from those alone; of runs at once: failures are rare."""
    standing = [each for each in case.page.ringing if each.version == case.entry.version]
    waits = []
    for each in standing:
        trouble = "" if each.device == WHOLE else _unready(case, each)
        if not trouble:
            return _learns_anew(case, each, standing)
        waits.append(f"{each.device} drifts, but {trouble}")
    return Reason(waits=waits[0]) if waits else NOTHING


def _learns_anew(case: Case, found: Ringing, standing: Sequence[Ringing]) -> Reason:
    why = f"drift of {found.device}: {found.detail}"
    if not case.rule.after_drift_ns:
        return Reason(why=why)
    since = {whole_of(each.edge) if each.device == WHOLE else each.device: each.from_ns for each in standing}
    how = "runs count for more" if found.device == WHOLE else "it is learnt anew"
    return Reason(why=f"{why}; from {iso(found.from_ns)} on {how}", since=since)


def _unready(case: Case, found: Ringing) -> str:
    """Why what a device shows now cannot be learnt yet; nothing where it can."""
    known = {each.device: each for each in present(case.config, case.rule.name, case.reader, case.now_ns)}
    if found.device not in known:
        return "nothing comes of it any more"
    end_ns, need_ns = known[found.device].last_ns + 1, case.rule.after_drift_ns
    newest_ns = end_ns - max(NEWEST, case.block_ns) // NEWEST
    _, usual = _told(case, found.device, newest_ns, end_ns)
    if not len(usual) or np.mean(usual) < FEW:
        return "its newest rows stand under alarms that nobody judged"
    have_ns = _learnable_ns(case, found.device, found.from_ns, end_ns)
    if have_ns >= need_ns * FEW:
        return ""
    have = duration_text(have_ns // HOUR_NS * HOUR_NS)
    return f"of since then it has {have} that can be learnt, and {duration_text(need_ns)} are needed"


def _learnable_ns(case: Case, device: str, start_ns: int, end_ns: int) -> int:
    """How much of a stretch has rows that a training may take as normal; without what is not there."""
    t_ns, usual = _told(case, device, start_ns, end_ns)
    wide = max(1, -(-(end_ns - start_ns) // PARTS))
    return min(end_ns - start_ns, len(np.unique((t_ns[usual] - start_ns) // wide)) * wide)


def _told(case: Case, device: str, start_ns: int, end_ns: int) -> tuple[I64, Bools]:
    """Rows of a stretch of a device, thinned, and which of them a training may take as normal."""
    found = case.reader.readings(device, start_ns=start_ns, end_ns=max(start_ns, end_ns), points=POINTS)
    alarms = case.reader.alarms(device=device, limit=MOST_ALARMS)
    labels = case.reader.labels(device=device, limit=MOST_LABELS)
    t_ns = np.array(found.t_ns, dtype=np.int64)
    return t_ns, painted(t_ns, spans(alarms, labels, end_ns=end_ns, history=case.reader.history)) == USUAL


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
    """What was said since the last training of what the next one would take, whenever that was, and taken back."""
    went_in = set(case.entry.manifest.facts.data.labels)
    said = [each for each in known(case.reader) if word(each) not in case.shown.words]
    gone = sum(bool(each.withdrawn_by) and each.id in went_in for each in said)
    start_ns = case.now_ns - case.rule.history_ns
    new = [each for each in said if not each.withdrawn_by and each.id not in went_in and each.to_ns >= start_ns]
    if len(new) + gone < case.rule.new_labels:
        return NOTHING
    watched = {each.device for each in devices_of(case.config, case.rule.name, case.reader)}
    runs = case.reader.runs(since_ns=start_ns, limit=MOST_RUNS, rows=False) if any(each.run for each in new) else []
    called = set(procedures_of(case.config, case.rule.name, runs))
    mine = {(run.edge, run.run) for run in runs if run.procedure in called}
    count = sum(each.device in watched or (each.edge, each.run) in mine for each in new)
    if count + gone < case.rule.new_labels:
        return NOTHING
    return Reason(
        why=f"{count} labels are new and {gone} were withdrawn since version {case.entry.version} was trained"
    )


def _data(case: Case) -> Reason:
    """Files that hold something else now; or rows of a time that was learnt from, which came late or were brought."""
    files = [each for each in case.entry.manifest.facts.data.sources if not each.device and not each.procedure]
    changed = [each.name for each in files if _changed(each, case.entry.manifest.facts.made_at_ns)]
    if changed:
        why = f"{changed[0]} is no longer what version {case.entry.version} was trained on"
        return Reason(why=why, files=tuple(each.name for each in files))
    devices = devices_of(case.config, case.rule.name, case.reader)
    late = filled(case.reader, devices, case.shown.held)
    return Reason(why=f"rows of {late[0]} came since, of a time that was learnt from before") if late else NOTHING


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
