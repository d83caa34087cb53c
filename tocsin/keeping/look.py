"""One look at a model: every device that it watches, every edge whose runs it calls, against what it was trained on."""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from models.arrays import F64
from models.catalogue.outcomes import called_by, ended, ends
from models.registry.errors import ModelMissingError
from models.registry.folder import Entry, Registry
from models.runs.row import row_of
from models.watching.calibration import precision, reliability
from models.watching.drift import drift
from models.watching.finding import Watch, together
from models.watching.reference import FILE, NoReferenceError, Reference, Seen, decoded
from store.port import Device, Reader
from stream.models.seats import RULES_OF
from tocsin.keeping.glimpse import Wanted, glimpse
from wire.config import Config
from wire.messages import Run

WHOLE = "*"  # an edge as a whole
MOST_DEVICES = 50  # of a model in one look; of more, the others have their turn in the next one
MOST_RUNS = 2_000  # looked through for those that ended
JUDGED_RUNS = 500  # that were tested to the end, for calibration, where each counts once
MOST_RUN_LABELS = 20_000
MOST_LABELS = MOST_ALARMS = 1_000  # of a device, for how many of its alarms are true


class Look(msgspec.Struct, frozen=True):
    """What was found of one device, or of an edge's runs."""

    edge: str
    device: str
    watch: Watch
    at_ns: int  # the newest row that was looked at
    from_ns: int  # what came from here on is how it is now, if it drifts


def reference_of(entry: Entry, registry: Registry) -> Reference:
    """What was kept with a version; raises NoReferenceError where that is nothing, and RegistryError."""
    try:
        return decoded(registry.file(entry, FILE))
    except ModelMissingError as error:
        msg = f"version {entry.version} was trained before references were kept, or on too few rows to have one"
        raise NoReferenceError(msg) from error


def devices_of(config: Config, name: str, reader: Reader) -> list[Device]:
    """Those whose rule names the model, by name."""
    return [device for device in reader.devices() if config.device(device.device).model == name]


def whole_of(edge: str) -> str:
    """What the runs of an edge are called among its devices, which no device can be."""
    return f"{edge}/{WHOLE}"


def present(config: Config, name: str, reader: Reader, now_ns: int) -> list[Device]:
    """The same, up to the newest row that came live: rows that are stored late or brought in are of the past.

    A device of which nothing came live has no present; rows of a time that is yet to come bear a wrong one.
    """
    newest = {each.device: min(each.last_ns, now_ns) for each in reader.liveness()}
    return [
        msgspec.structs.replace(device, last_ns=newest[device.device])
        for device in devices_of(config, name, reader)
        if device.device in newest
    ]


def procedures_of(config: Config, name: str, runs: Sequence[Run]) -> tuple[str, ...]:
    """Those whose rule names the model, of the procedures of these runs."""
    return tuple(
        procedure
        for procedure in dict.fromkeys(run.procedure for run in runs)
        if config.procedure(procedure).model == name
    )


def looks(
    config: Config, entry: Entry, reference: Reference, reader: Reader, *, now_ns: int, turn: int = 0
) -> Iterator[Look]:
    """All that can be looked at; `turn` counts looks, so that each of very many devices has its own."""
    devices = present(config, entry.name, reader, now_ns)
    start = turn * MOST_DEVICES % max(1, len(devices)) if len(devices) > MOST_DEVICES else 0
    for device in (devices[start:] + devices[:start])[:MOST_DEVICES]:
        yield _device(config, entry, reference, reader, device)
    if reference.block_rows:
        yield from _runs(config, entry, reference, reader)


def _device(config: Config, entry: Entry, reference: Reference, reader: Reader, device: Device) -> Look:
    end_ns = device.last_ns + 1
    wanted = Wanted(
        device=device.device,
        rule=config.device(device.device),
        model=entry.name,
        version=entry.version,
        threshold=entry.manifest.recipe.decision.threshold,
    )
    found = glimpse(reader, wanted, start_ns=end_ns - reference.block_ns, end_ns=end_ns, every_ns=reference.every_ns)
    watch = drift(
        reference,
        found.seen,
        device=device.device,
        channels=found.channels,
        slices=found.slices,
        rate=entry.manifest.recipe.calibration.false_alarm_rate,
    )
    watch = together([watch, _verdicts(entry, reader, device.device)])
    return Look(device.edge, device.device, watch, device.last_ns, device.last_ns)


def _verdicts(entry: Entry, reader: Reader, device: str) -> Watch:
    """How many of the alarms that it raised are true; those that speak of the model itself are none of its own."""
    rule = RULES_OF[entry.manifest.task]
    own = {each.id for each in reader.alarms(device=device, limit=MOST_ALARMS) if each.rule == rule}
    mine = [
        label.meaning != "normal"
        for label in reader.labels(device=device, limit=MOST_LABELS)
        if label.alarm in own and (label.model, label.model_version) == (entry.name, entry.version)
    ]
    return precision(sum(mine), len(mine) - sum(mine))


def _runs(config: Config, entry: Entry, reference: Reference, reader: Reader) -> Iterator[Look]:
    """Runs that ended, by edge: what was measured against training, chances against outcomes."""
    found = reader.runs(limit=MOST_RUNS, rows=False)
    procedures = procedures_of(config, entry.name, found)
    edges: dict[str, list[Run]] = {}
    for procedure in procedures:
        runs = reader.runs(procedure=procedure, limit=MOST_RUNS)
        since_ns = min((run.started_ns for run in runs), default=0)
        for run in ended(runs, ends(reader.labels(since_ns=since_ns, withdrawn=True, limit=MOST_RUN_LABELS))):
            edges.setdefault(run.edge, []).append(run)
    for edge, runs in edges.items():
        newest = sorted(runs, key=lambda run: run.ended_ns, reverse=True)
        block = newest[: reference.block_rows]
        watch = together([_measured(entry, reference, block), _chances(entry, reference, newest)])
        yield Look(edge, WHOLE, watch, newest[0].ended_ns, min(run.started_ns for run in block))


def _measured(entry: Entry, reference: Reference, runs: Sequence[Run]) -> Watch:
    rows: F64 = np.array([row_of(run.row, reference.channels) for run in runs], dtype=np.float64)
    none = np.zeros(0)
    seen = Seen(
        t_ns=np.array([run.started_ns for run in runs], dtype=np.int64),
        rows=rows.reshape(len(runs), len(reference.channels)),
        score=none,
        over=none > 0,
        score_ns=np.zeros(0, dtype=np.int64),
    )
    return drift(reference, seen, rate=entry.manifest.recipe.calibration.false_alarm_rate)


def _chances(entry: Entry, reference: Reference, newest: Sequence[Run]) -> Watch:
    """Of runs that this very version called and whose end is known; where some stand for others, of all of them."""
    mine = [run for run in newest if called_by(run) == (entry.name, entry.version) and run.p_fail is not None]
    whole = mine if any(run.weight != 1.0 for run in mine) else mine[:JUDGED_RUNS]
    p_fail = np.array([run.p_fail for run in whole], dtype=np.float64)
    failed = np.array([run.state == "fail" for run in whole], dtype=np.bool_)
    weight = np.array([run.weight for run in whole], dtype=np.float64)
    return reliability(p_fail, failed, fails=reference.fails, weight=weight)


def told(watch: Watch, most: int = 3) -> str:
    """What stands, or what can not be told, in a sentence or two."""
    standing = sorted((each for each in watch.findings if each.stands), key=lambda each: -each.share)
    if standing:
        more = f"; and {len(standing) - most} more" if len(standing) > most else ""
        return "; ".join(each.says for each in standing[:most]) + more
    return "; ".join(watch.unwatched) if not watch.findings else "all is as in training"
