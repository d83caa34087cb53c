"""What is irregular about a run, in words: each a sentence that names it, none of them a guess at what was meant."""

from collections.abc import Iterable, Sequence

from models.runs.row import is_margin
from stream.alarms.phrase import moment
from stream.benches.run import RunRecord
from wire.messages import RunStarted

SHOWN = 60  # characters of a name
NAMED = 5  # names in one remark

NO_START = "no start of it was heard"
LATE_START = "its start came after its end"
MANY_COLUMNS = "more was measured than is kept in one row: the further values are left out"
MANY_STEPS = "it has more steps than are kept: the further ones are left out"
CROWDED_OUT = "given up because too many runs were open, and it was the one longest unheard"


def short(name: str) -> str:
    """A name as it is shown.

    >>> short("S" * 70)[-3:]
    'SS…'
    """
    return name if len(name) <= SHOWN else f"{name[: SHOWN - 1]}…"


def several(names: Sequence[str]) -> str:
    """Names in a row.

    >>> several(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    shown = ", ".join(short(name) for name in names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown} and {len(names) - NAMED} more"


def again(run: RunRecord) -> str:
    """A run that started already is said to start, for the same unit."""
    return "started again after its end" if run.over else "started twice"


def given_again(start: RunStarted) -> str:
    """The name of a run is given to another."""
    return f"its name was given again, to {short(start.unit) or 'no unit'}: what came after that is dead letters"


def astray(station: str) -> str:
    """Something comes under the name of a run from where the run is not."""
    return f"something under its name came from station {short(station)}: it is a dead letter, and not in here"


def version(run: RunRecord, before: str) -> Iterable[str]:
    """The procedure that runs on this station, and the version that did before."""
    if before and before != run.version:
        yield f"version {short(run.version)} of {short(run.procedure)}, after version {short(before)} on this station"


def retest(run: RunRecord, first: RunRecord | None, before: str) -> Iterable[str]:
    """A unit that was tested before: as it is said (`first`: that run, if known), and as is remembered."""
    if not run.retest_of:
        if before:
            yield f"{short(run.unit)} was tested before, in run {short(before)}: this is not said to be a retest"
        return
    yield f"retest of {short(run.retest_of)}"
    if first is not None and first.unit and first.unit != run.unit:
        yield f"said to be a retest of {short(run.retest_of)}, which tested another unit: {short(first.unit)}"


def overlap(other: str) -> str:
    """Two runs on one station."""
    return f"on its station at the same time as run {short(other)}"


def left(silence: str, other: str) -> str:
    """A station goes on to another run after a silence that no step of this one explains."""
    return f"given up: nothing was heard of it for {silence}, and then of run {short(other)} on its station"


def unheard(what: str) -> str:
    """Something came of a run whose start was not heard yet."""
    return f"begins without its start: {what} came first"


def order(step: str, run: RunRecord, planned: Sequence[str]) -> Iterable[str]:
    """A step ends that is planned after, or before, what ended so far."""
    place = {name: at for at, name in enumerate(planned)}
    if planned and step not in place:
        yield unplanned(step)
        return
    ahead = [name for name in run.ended if place.get(name, -1) > place.get(step, -1)]
    if planned and ahead:
        yield f"{short(step)} ended out of the planned order, after {short(ahead[-1])}"


def unplanned(step: str) -> str:
    """A step that no one expects."""
    return f"{short(step)} is a step that is not planned"


def missing(run: RunRecord, expected: Sequence[str], *, planned: bool) -> Iterable[str]:
    """Steps that did not end. What follows the last one is missed in a pass alone: a fail may end a test early."""
    ended = set(run.ended)
    last = max((at for at, name in enumerate(expected) if name in ended), default=-1)
    whole = expected if run.state == "pass" else expected[: last + 1]
    lacking = [name for name in whole if name not in ended]
    if lacking:
        yield f"{'planned' if planned else 'usual'} steps are missing: {several(lacking)}"


def passed(run: RunRecord) -> Iterable[str]:
    """A run passes although something measured was out of its limits."""
    beyond = [column.rpartition(".")[0] for column, room in run.row.items() if is_margin(column) and room < 0.0]
    if beyond and run.state == "pass":
        yield f"passed although out of limits: {several(beyond)}"


def twice(run: RunRecord, outcome: str) -> str:
    """An end is told of a run that is over."""
    if outcome == run.state:
        return "ended twice"
    return f"ended twice, as {run.state} and then as {outcome}: the first word stands"


def past(what: str) -> str:
    """Something came after the end."""
    return f"{what} after its end"


def reopened(run: RunRecord) -> str:
    """A run goes on that was given up."""
    return f"goes on though it was given up at {moment(run.ended_ns)}"


def stopped(step: str) -> str:
    """A run that a bench ended because it was advised to."""
    return f"stopped on advice after {short(step)}"
