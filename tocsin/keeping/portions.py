"""What the store holds for a model, written into the folder of a job: bounded, whatever the store holds."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from tocsin.keeping.job import Job, Portion, Runs
from tocsin.keeping.look import whole_of
from tocsin.keeping.spans import spans
from tocsin.reaching.access import Held, KnownDevice
from wire.config import Config
from wire.messages import NS_PER_S, Run

PIECES = 24  # of a history that is too long to be taken whole
PROBE_NS = 600 * NS_PER_S
MOST_ALARMS = 500  # of a device; rows under older ones count as usual
MOST_WEIGHT = 4.0  # of a run of after a drift, beside those of before
NEVER_NS = 2**63 - 1
GLOB = frozenset("*?[")
Since = Mapping[str, int]
NOT_SINCE: Since = MappingProxyType({})
BYTES_A_VALUE = 200  # that a training needs in all: its rows, their features, what it fits


class NoRowsError(Exception):
    """There is nothing to train on; the message says what is missing."""


def gathered(config: Config, job: Job, held: Held, folder: Path, *, start_ns: int, since: Since = NOT_SINCE) -> Job:
    """A job with the rows and runs of [start_ns, at_ns) of what a model watches: for the keeper and the command alike.

    To judge by, runs are those that began since `since_ns`; rows are all, as labelled ones may be older. `since`: from
    when on only, of devices that drifted then.
    """
    begun_ns = job.since_ns if job.kind == "judge" else start_ns
    rows = portions(config, job, held, folder, start_ns=start_ns, since=since)
    return msgspec.structs.replace(job, portions=rows, runs=runs(config, job, held, folder, start_ns=begun_ns))


def portions(
    config: Config, job: Job, held: Held, folder: Path, *, start_ns: int, since: Since = NOT_SINCE
) -> tuple[Portion, ...]:
    """Of each device that the model watches; as many rows as fit into the memory, in pieces all over its history."""
    mine = [each for each in held.devices() if config.device(each.device).model == job.name]
    devices = [device for device in mine if device.last_ns >= start_ns]
    values = job.memory // BYTES_A_VALUE // max(1, len(devices))
    found = []
    for at, device in enumerate(devices):
        first = max(start_ns, device.first_ns, since.get(device.device, 0))
        last = min(job.at_ns, device.last_ns + 1)
        files = []
        most = _rows(device, values)
        for piece, (begin, end) in enumerate(pieces(held, device, first, last, most=most, folder=folder)):
            file = f"{at}-{piece}.parquet"
            if held.export(device.device, folder / file, form="parquet", start_ns=begin, end_ns=end, noted=False):
                files.append(file)
        if files:
            # Whoever judges believes only what was said; an alarm that nobody judged is nothing said.
            alarms = held.alarms(device.device)[:MOST_ALARMS] if job.kind == "train" else ()
            labels = held.labels(device=device.device, withdrawn=True)
            said = spans(alarms, labels, end_ns=last, history=held.history)
            found.append(Portion(device.device, tuple(files), config.device(device.device), said))
    return tuple(found)


def runs(config: Config, job: Job, held: Held, folder: Path, *, start_ns: int) -> tuple[Runs, ...]:
    """Of each procedure whose runs the model calls, also by a pattern; which runs tell, `known_runs` says."""
    whole = {rule.match for rule in config.procedures if not GLOB.intersection(rule.match)}
    found = []
    for at, procedure in enumerate(sorted(whole.union(held.procedures()))):
        if config.procedure(procedure).model == job.name:
            file = f"runs-{at}.parquet"
            labels = held.take_runs(procedure, folder / file, start_ns=start_ns, end_ns=job.at_ns)
            if labels is not None:
                found.append(Runs(procedure, file, labels))
    return tuple(found)


def evened(runs: Sequence[Run], since: Mapping[str, int]) -> Sequence[Run]:
    """Runs of after a drift weigh together as much as those of before, each MOST_WEIGHT times as much at most."""
    after = [run.started_ns >= since.get(whole_of(run.edge), NEVER_NS) for run in runs]
    new = sum(run.weight for run, late in zip(runs, after, strict=True) if late)
    old = sum(run.weight for run in runs) - new
    times = min(MOST_WEIGHT, max(1.0, old / new)) if new else 1.0
    return [
        msgspec.structs.replace(run, weight=run.weight * times) if late else run
        for run, late in zip(runs, after, strict=True)
    ]


def pieces(
    held: Held, device: KnownDevice, start_ns: int, end_ns: int, *, most: int, folder: Path
) -> list[tuple[int, int]]:
    """Stretches of a history that hold about so many rows: all of it, or the end of each of PIECES parts."""
    share = most / max(1.0, _rate(held, device, folder) * (end_ns - start_ns))
    if share >= 1.0:
        return [(start_ns, end_ns)]
    step = (end_ns - start_ns) // PIECES
    length = max(1, int(step * share))
    return [(end_ns - at * step - length, end_ns - at * step) for at in reversed(range(PIECES))]


def _rows(device: KnownDevice, values: int) -> int:
    return max(1, values // max(1, len(device.channels)))


def _rate(held: Held, device: KnownDevice, folder: Path) -> float:
    """Rows a ns: as counted, else as in its last minutes."""
    if device.rows is not None:
        return device.rows / max(1, device.last_ns - device.first_ns)
    probe, span = folder / "probe.parquet", (device.last_ns - PROBE_NS, device.last_ns + 1)
    rows = held.export(device.device, probe, form="parquet", start_ns=span[0], end_ns=span[1], noted=False)
    probe.unlink(missing_ok=True)
    return rows / PROBE_NS


def drop(folder: Path) -> None:
    """Forget what was written."""
    shutil.rmtree(folder, ignore_errors=True)
