"""Which runs of a procedure tell how they ended, as a store holds them: one answer for exports, trainings and gates."""

from collections.abc import Sequence

from models.catalogue.outcomes import judged
from store.port import Reader
from wire.messages import Label, Run

MOST_RUNS = 20_000  # the newest
MOST_LABELS = 5 * MOST_RUNS  # the newest, of all procedures and devices
EVER_NS = 2**63 - 1


def known_runs(
    reader: Reader, procedure: str, *, start_ns: int = 0, end_ns: int = EVER_NS
) -> Sequence[tuple[Run, Label]]:
    """Runs that began in [start_ns, end_ns), each as the newest label that stands says and with what it stands for."""
    runs = reader.runs(procedure=procedure, since_ns=start_ns, limit=MOST_RUNS)
    labels = reader.labels(since_ns=start_ns, limit=MOST_LABELS)
    return judged([run for run in runs if start_ns <= run.started_ns < end_ns], labels)
