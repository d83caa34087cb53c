"""How runs ended, as far as anybody may learn from it: what the newest label of each says that stands."""

from collections.abc import Iterable, Sequence

import msgspec

from wire.messages import Label, Run

TESTED = ("pass", "fail")


def judged(runs: Iterable[Run], labels: Iterable[Label]) -> Sequence[tuple[Run, Label]]:
    """Runs that ended as their label says, whoever said it; a run without one is left out.

    It was stopped on advice, which knows its end from the model alone, was aborted, or its label was withdrawn.
    """
    of_runs = (label for label in labels if label.run and label.meaning in TESTED and not label.withdrawn_by)
    said = {(label.edge, label.run): label for label in sorted(of_runs, key=lambda label: label.at_ns)}
    return [
        (msgspec.structs.replace(run, state=label.meaning), label)
        for run in runs
        if run.state != "running" and (label := said.get((run.edge, run.run))) is not None
    ]
