"""What a procedure's runs usually do: which steps they have, and how long those take."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from statistics import median

from stream.benches.records import Lasting, ProcedureRecord, Usual, put
from stream.benches.run import RunRecord
from wire.config import Procedure
from wire.messages import NS_PER_S

ENOUGH = 5  # passes before it is said what is usual
NEARLY_ALL, HARDLY_ANY = 0.8, 0.2  # shares of passes with a step: it is missed where it lacks, else it is extra
SLOWLY = 0.05  # weight of the newest run in a share
QUICKLY = 0.1  # and in how long a step takes
LONGEST = 3.0  # times its mean: so much counts at most of a step that lasted longer, because someone went to lunch
LEAST_SILENCE_S = 60.0  # below, nothing is meant by a bench that says nothing
MOST_UNITS = 200  # remembered a procedure, to know one that comes again
MOST_VERSIONS = 4
MOST_STEPS = 500  # whose times are known


def planned(run: RunRecord, rule: Procedure) -> tuple[str, ...]:
    """The steps that a run is to have, in order: as its bench says, else the configuration; () if no one does."""
    return run.planned or rule.steps or ()


def usual(run: RunRecord, procedure: ProcedureRecord | None) -> tuple[str, ...]:
    """The steps that nearly all passes of this version have; () as long as that is not known."""
    known = procedure.versions.get(run.version) if procedure else None
    if known is None or known.passes < ENOUGH:
        return ()
    return tuple(step for step, share in known.share.items() if share >= NEARLY_ALL)


def unusual(step: str, run: RunRecord, procedure: ProcedureRecord | None) -> bool:
    """Whether hardly any pass of this version has a step."""
    known = procedure.versions.get(run.version) if procedure else None
    return known is not None and known.passes >= ENOUGH and known.share.get(step, 0.0) < HARDLY_ANY


def remaining_s(expected: Iterable[str], run: RunRecord, procedure: ProcedureRecord | None) -> float | None:
    """How long the steps usually take that are still to come; None if no one knows.

    A step whose time is not known yet counts as nothing: a stop there is not credited with what it may save.
    """
    if procedure is None or not procedure.lasting:
        return None
    ended = set(run.ended)
    to_come = [procedure.lasting[step].seconds for step in expected if step not in ended and step in procedure.lasting]
    return float(sum(to_come))


def silence_s(runs: Iterable[RunRecord]) -> float | None:
    """How long a run of a procedure may say nothing and still go on, by ones that ended; None as long as no one knows.

    As long as any of them ever did, and LONGEST times as long as is usual.

    >>> from wire.messages import Step
    >>> said = {"A": Step("A", 2_000_000_000, 1.0), "B": Step("B", 62_000_000_000, 60.0)}
    >>> silence_s([RunRecord(begun=True, started_ns=1, ended_ns=63_000_000_000, steps=said)] * ENOUGH)
    180.0
    """
    longest = [max(pauses) for run in runs if (pauses := _pauses_s(run))]
    if len(longest) < ENOUGH:
        return None
    return max(LEAST_SILENCE_S, *longest, LONGEST * median(longest))


def _pauses_s(run: RunRecord) -> list[float]:
    """What lies between all that is known of when something came of a run."""
    known = [run.started_ns, *(step.ended_ns for step in run.steps.values() if step.ended_ns), run.ended_ns]
    return [(after - before) / NS_PER_S for before, after in pairwise(sorted(known))]


def taught(procedure: ProcedureRecord, run: RunRecord) -> None:
    """Learn from a run that was tested to its outcome; only a pass tells what is usual, for a fail may end early."""
    for step in run.steps.values():
        if step.ended_ns and step.duration_s is not None:
            _lasted(procedure.lasting, step.name, step.duration_s)
    if run.state == "fail":
        procedure.failed += 1
        return
    procedure.passed += 1
    before = procedure.versions.get(run.version, Usual())
    put(procedure.versions, run.version, Usual(before.passes + 1, _shares(before, run.ended)), MOST_VERSIONS)


def _lasted(lasting: dict[str, Lasting], step: str, seconds: float) -> None:
    known = lasting.get(step)
    if known is None:
        if len(lasting) < MOST_STEPS:
            lasting[step] = Lasting(1, seconds)
        return
    if known.times >= ENOUGH:
        seconds = min(seconds, LONGEST * known.seconds)
    weight = max(QUICKLY, 1.0 / (known.times + 1))
    lasting[step] = Lasting(known.times + 1, known.seconds + weight * (seconds - known.seconds))


def _shares(before: Usual, ended: Iterable[str]) -> dict[str, float]:
    """Shares after one more pass; what hardly any has is forgotten where there are too many."""
    weight = max(SLOWLY, 1.0 / (before.passes + 1))
    came = dict.fromkeys(ended)
    shares = _moved(before.share, came, weight)
    shares |= {step: weight for step in came if step not in shares}
    if len(shares) <= MOST_STEPS:
        return shares
    kept = sorted(shares, key=lambda step: -shares[step])[:MOST_STEPS]
    return {step: share for step, share in shares.items() if step in set(kept)}


def _moved(share: Mapping[str, float], came: Mapping[str, None], weight: float) -> dict[str, float]:
    return {step: was + weight * ((step in came) - was) for step, was in share.items()}
