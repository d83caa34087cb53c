"""How runs ended, as far as anybody may learn from it: what the newest label of each says that stands.

A run that a bench was told to stop has an end only where somebody found it out: at its repair, or because the bench
went on all the same. Whose end is found out is no chance: where only what was broken is written down, or only what was
whole, a training would take all stops for right, or for wrong, and its model would stop more of such units, or fewer,
than it should. So ends of stopped runs count where nearly all of them are known: each for itself, and a control run for
itself and for the few that are left. Elsewhere they are left out, and control runs, which chance picked, stand for all
of them (Horvitz and Thompson 1952).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from wire.messages import Label, Run, Step

TESTED = ("pass", "fail")
End = Callable[[Run], str]  # "pass" or "fail", "" where it is not known
NEARLY_ALL = 0.9  # of the stops of a version: what is missing can move a share by a tenth of them at most


class Stops(msgspec.Struct, frozen=True):
    """Stops of one version of a model whose ends are nearly all known, of runs that began up to then."""

    until_ns: int  # when the newest began whose end is known: what was stopped later waits for its repair
    left: float  # share of those told until then whose end nobody knows

    def weight(self, run: Run) -> float:
        """How many runs one that was tested to the end stands for."""
        return 1.0 + (run.weight - 1.0) * self.left if run.started_ns <= self.until_ns else run.weight


def judged(runs: Iterable[Run], labels: Iterable[Label]) -> Sequence[tuple[Run, Label]]:
    """Runs that ended as their label says, whoever said it, with what they stand for; one without a label is left out.

    It was stopped on advice, which knows its end from the model alone, was aborted, or its label was withdrawn. `runs`:
    all of a procedure, those that were stopped among them.
    """
    said = newest(labels)
    found = ended(runs, lambda run: label.meaning if (label := said.get((run.edge, run.run))) else "")
    return [(run, said[run.edge, run.run]) for run in found]


def ended(runs: Iterable[Run], end: End) -> list[Run]:
    """Runs whose end may be counted, in the state that it says and with what they stand for."""
    every = [run for run in runs if run.state != "running"]
    stops = known_stops(every, lambda run: bool(end(run)))
    return [
        _standing(run, said, stops.get(called_by(run)))
        for run in every
        if (said := end(run)) and (not run.stopped_at or called_by(run) in stops)
    ]


def ends(labels: Iterable[Label]) -> End:
    """How a run ended by the newest of its labels that stands; where none is known by what its bench said.

    Not so where a label was withdrawn, nor where the bench only did as it was told. `labels`: also withdrawn ones.
    """
    every = list(labels)
    said, gone = newest(every), {(label.edge, label.run) for label in every if label.withdrawn_by}

    def end(run: Run) -> str:
        key = run.edge, run.run
        if run.state == "running":
            return ""
        if key in said:
            return said[key].meaning
        return "" if key in gone or run.state not in TESTED or (run.stopped_at and followed(run)) else run.state

    return end


def followed(run: Run) -> bool:
    """Whether a bench that was told to stop did, instead of going on to the end."""
    last = max((step for step in run.steps if step.ended_ns), key=lambda step: step.ended_ns, default=Step(""))
    return run.state not in TESTED or last.name == run.stopped_at


def newest(labels: Iterable[Label]) -> dict[tuple[str, str], Label]:
    """Of each run, by edge and name, the newest label that says how it ended and was not withdrawn."""
    of_runs = (label for label in labels if label.run and label.meaning in TESTED and not label.withdrawn_by)
    return {(label.edge, label.run): label for label in sorted(of_runs, key=lambda label: label.at_ns)}


def known_stops(runs: Iterable[Run], known: Callable[[Run], bool]) -> Mapping[tuple[str, int], Stops]:
    """By version of a model, where nearly all runs that it stopped have an end; `known`: whether a run has one."""
    told: defaultdict[tuple[str, int], list[Run]] = defaultdict(list)
    for run in runs:
        if run.stopped_at and run.state != "running":
            told[called_by(run)].append(run)
    found = {}
    for version, stopped in told.items():
        until_ns = max((run.started_ns for run in stopped if known(run)), default=-1)
        asked = [known(run) for run in stopped if run.started_ns <= until_ns]
        if asked and sum(asked) >= NEARLY_ALL * len(asked):
            found[version] = Stops(until_ns, 1.0 - sum(asked) / len(asked))
    return found


def called_by(run: Run) -> tuple[str, int]:
    """The model and version that called a run last."""
    return run.model, run.model_version


def _standing(run: Run, end: str, stops: Stops | None) -> Run:
    weight = run.weight if run.weight == 1.0 or stops is None else stops.weight(run)
    return msgspec.structs.replace(run, state=end, weight=weight)
