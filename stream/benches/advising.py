"""From a call to an advice: what stopping and going on cost, whether a stop is told, and if not, why."""

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from stream.benches.calls import Call
from stream.benches.costs import expected
from stream.benches.habits import remaining_s
from stream.benches.records import ProcedureRecord
from stream.benches.run import RunRecord
from wire.config import Costs, Procedure
from wire.messages import Advice, Origin

NEEDED = 30  # failures before a model is worth training, where the configuration does not say
Mode = Literal["on", "shadow", "off"]


class Occurrence(msgspec.Struct, frozen=True):
    """A step of a run that ended: where and when."""

    origin: Origin
    edge: str
    run: str
    step: str
    t_ns: int
    late: bool


class Ground(msgspec.Struct, frozen=True):
    """What an advice rests on beside the run: the rule of its procedure, what that usually does, what a person said."""

    rule: Procedure
    procedure: ProcedureRecord | None
    expected: Sequence[str]  # steps
    switch: bool | None  # on or off by a person's hand, None: as configured

    @property
    def mode(self) -> Mode:
        """Whether advice is told, only recorded, or not even that."""
        if self.switch:
            return "on"
        said = self.rule.advice or "shadow"
        return "shadow" if self.switch is False and said == "on" else said


def advise(run: RunRecord, call: Call | None, ground: Ground, of: Occurrence) -> Advice:
    """The advice after a step that ended."""
    costs = ground.rule.costs or Costs()
    saved_s = remaining_s(ground.expected, run, ground.procedure)
    price = expected(call.p_fail, saved_s, costs) if call and saved_s is not None else None
    pays = call is not None and price is not None and call.beyond and price.go_on > price.stop
    # With no step left there is nothing to stop, and the outcome that comes would count as the advice's own word.
    would = pays and bool(saved_s) and not run.over
    withheld = _withheld(run, call, ground.mode, late=of.late)
    told = bool(run.stopped_at) and not run.over and not of.late  # once told, it stays told
    stop = told or (would and not withheld)
    return Advice(
        origin=of.origin,
        edge=of.edge,
        run=of.run,
        step=of.step,
        p_fail=call.p_fail if call else math.nan,
        stop=stop,
        t_ns=of.t_ns,
        unit=run.unit,
        procedure=run.procedure,
        version=run.version,
        station=run.station,
        source=run.source,
        done=len(run.ended),
        low=call.low if call else None,
        high=call.high if call else None,
        would_stop=would,
        withheld="" if stop else withheld,
        because=call.because if call else {},
        cost_stop=price.stop if price else None,
        cost_go_on=price.go_on if price else None,
        saved_s=saved_s,
        needed=0 if call else needed(ground),
        model=call.model if call else "",
        model_version=call.version if call else 0,
        mode=ground.mode,
    )


def needed(ground: Ground) -> int:
    """Failures still needed before a model can be trained."""
    failed = ground.procedure.failed if ground.procedure else 0
    return max(0, (ground.rule.needed_failures or NEEDED) - failed)


def _withheld(run: RunRecord, call: Call | None, mode: Mode, *, late: bool) -> str:
    """Why a bench is told nothing, whatever the call says: who knew the chance would no longer test as ever."""
    reasons = (
        ("over", run.over),
        ("off", mode == "off"),
        ("no-model", call is None),
        ("late", late),
        ("shadow", mode == "shadow"),
        ("control", run.control),
    )
    return next((word for word, holds in reasons if holds), "")
