"""Runs as a table, a wide row a run: what `data export --runs` writes and a training of a procedure reads."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from models.runs.row import KEYS, layout, row_of
from wire.messages import Run

ENDED = ("pass", "fail")  # what was broken off or aborted has no outcome to learn from


def run_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Runs that ended pass or fail in the order of their start: key columns first, then what was measured, in order.

    `models.catalogue.outcomes.judged` leaves out those that teach nothing.
    """
    ended = sorted((run for run in runs if run.state in ENDED), key=lambda run: (run.started_ns, run.edge, run.run))
    columns = layout([run.row for run in ended], [step.name for run in ended[-1:] for step in run.steps])
    keys = pd.DataFrame(
        {
            "run": [run.run for run in ended],
            "unit": [run.unit for run in ended],
            "procedure": [run.procedure for run in ended],
            "version": [run.version for run in ended],
            "station": [run.station for run in ended],
            "time": [_iso(run.started_ns) for run in ended],
            "outcome": [run.state for run in ended],
            "control": [int(run.control) for run in ended],
            "stopped_at": [run.stopped_at for run in ended],
            "weight": [run.weight for run in ended],
        },
        columns=list(KEYS),
    )
    cells = np.array([row_of(run.row, columns) for run in ended]).reshape(len(ended), len(columns))
    return pd.concat([keys, pd.DataFrame(cells, columns=list(columns))], axis=1)


def _iso(t_ns: int) -> str:
    return f"{np.datetime_as_string(np.datetime64(t_ns, 'ns'))}Z"
