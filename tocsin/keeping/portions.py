"""What the store holds for a model, written into the folder of a job: bounded, whatever the store holds."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from models.catalogue.outcomes import judged
from models.catalogue.run_table import run_table
from store.port import Device, Reader
from tocsin.keeping.job import Portion, Runs
from tocsin.keeping.look import devices_of, procedures_of, whole_of
from tocsin.keeping.spans import spans
from wire.config import Config
from wire.messages import NS_PER_S, Run

PIECES = 24  # of a history that is too long to be taken whole
PROBE_NS = 600 * NS_PER_S
MOST_ALARMS = 500  # of a device; rows under older ones count as usual
MOST_LABELS = 20_000
MOST_RUNS = 20_000
MOST_WEIGHT = 20.0  # of a run of after a drift, beside those of before
NEVER_NS = 2**63 - 1
NOT_SINCE: Mapping[str, int] = MappingProxyType({})
BYTES_A_VALUE = 200  # that a training needs in all: its rows, their features, what it fits


class NoRowsError(Exception):
    """There is nothing to train on; the message says what is missing."""


def portions(
    config: Config,
    name: str,
    reader: Reader,
    folder: Path,
    *,
    start_ns: int,
    end_ns: int,
    memory: int,
    since: Mapping[str, int],
) -> tuple[Portion, ...]:
    """Of each device that the model watches; as many rows as fit into the memory, in pieces all over its history.

    `since`: from when on only, of devices that drifted then.
    """
    devices = [device for device in devices_of(config, name, reader) if device.last_ns >= start_ns]
    values = memory // BYTES_A_VALUE // max(1, len(devices))
    found = []
    for at, device in enumerate(devices):
        first = max(start_ns, device.first_ns, since.get(device.device, 0))
        last = min(end_ns, device.last_ns + 1)
        files = []
        for piece, (begin, end) in enumerate(pieces(reader, device, first, last, most=_rows(device, values))):
            file = f"{at}-{piece}.parquet"
            if reader.export(device.device, folder / file, form="parquet", start_ns=begin, end_ns=end):
                files.append(file)
        if files:
            labels = reader.labels(device=device.device, withdrawn=True, limit=MOST_LABELS)
            alarms = reader.alarms(device=device.device, limit=MOST_ALARMS)
            said = spans(alarms, labels, end_ns=last, history=reader.history)
            found.append(Portion(device.device, tuple(files), config.device(device.device), said))
    return tuple(found)


def runs(
    config: Config, name: str, reader: Reader, folder: Path, *, since_ns: int, since: Mapping[str, int] = NOT_SINCE
) -> tuple[Runs, ...]:
    """Of each procedure whose runs the model calls; how a run ended is what the newest label that stands says.

    A run without a label was stopped on advice, which knows its end from the model alone, or its label was withdrawn.
    `since`: from when on the runs of an edge that drifted count together as much as those of before.
    """
    known = reader.runs(since_ns=since_ns, limit=MOST_RUNS, rows=False)
    labels = reader.labels(since_ns=since_ns, limit=MOST_LABELS)
    found = []
    for at, procedure in enumerate(procedures_of(config, name, known)):
        rows = judged(reader.runs(procedure=procedure, since_ns=since_ns, limit=MOST_RUNS), labels)
        if rows:
            file = f"runs-{at}.parquet"
            run_table(evened([run for run, _ in rows], since)).to_parquet(folder / file)
            found.append(Runs(procedure, file, tuple(label.id for _, label in rows)))
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


def pieces(reader: Reader, device: Device, start_ns: int, end_ns: int, *, most: int) -> list[tuple[int, int]]:
    """Stretches of a history that hold about so many rows: all of it, or the end of each of PIECES parts."""
    share = most / max(1.0, _rate(reader, device) * (end_ns - start_ns))
    if share >= 1.0:
        return [(start_ns, end_ns)]
    step = (end_ns - start_ns) // PIECES
    length = max(1, int(step * share))
    return [(end_ns - at * step - length, end_ns - at * step) for at in reversed(range(PIECES))]


def _rows(device: Device, values: int) -> int:
    return max(1, values // max(1, len(device.channels)))


def _rate(reader: Reader, device: Device) -> float:
    """Rows a ns: as counted, else as in its last minutes."""
    if device.rows is not None:
        return device.rows / max(1, device.last_ns - device.first_ns)
    newest = reader.readings(device.device, start_ns=device.last_ns - PROBE_NS, end_ns=device.last_ns + 1)
    return len(newest.t_ns) / PROBE_NS


def drop(folder: Path) -> None:
    """Forget what was written."""
    shutil.rmtree(folder, ignore_errors=True)
