"""What a procedure's runs usually do: which steps they have, and how long those take."""

from collections.abc import Iterable, Mapping

from stream.benches.records import Lasting, ProcedureRecord, Usual, put
from stream.benches.run import RunRecord
from wire.config import Procedure

ENOUGH = 5  # passes before it is said what is usual
NEARLY_ALL, HARDLY_ANY = 0.8, 0.2  # shares of passes with a step: it is missed where it lacks, else it is extra
SLOWLY = 0.05  # weight of the newest run in a share
QUICKLY = 0.1  # and in how long a step takes
LONGEST = 3.0  # times its mean: so much counts at most of a step that lasted longer, because someone went to lunch
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
