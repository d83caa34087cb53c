"""`tocsin alarms`: what rings, and answering it, on a running or a stopped box, or on the bus of a fleet."""

import time
import uuid
from pathlib import Path
from typing import cast

import msgspec

from edge.log import LocalLog
from edge.logfile import LogError
from tocsin.places import is_fleet, log_path
from tocsin.reaching.client import Client
from tocsin.reaching.reach import configured, give_in, on_bus, reached
from wire.messages import Action, Alarm, AlarmState, Verb
from wire.ports import FullError
from wire.settings import Loaded

Told = dict[str, object]


class AnswerError(Exception):
    """The alarm could not be answered; the message says why."""


def listed(config: Path, *, active: bool) -> list[Told]:
    """Alarms, newest change first; `active`: those that still need a person. Raises ReachError."""
    loaded = configured(config)
    if is_fleet(loaded.config):
        return [cast("Told", msgspec.to_builtins(alarm)) for alarm in on_bus(loaded, active=active)]
    with reached(loaded) as box:
        if isinstance(box, Client):
            return cast("list[Told]", box.get("alarms", active="true" if active else ""))
        return [cast("Told", msgspec.to_builtins(alarm)) for alarm in box.alarms(active=active)]


def acknowledge(config: Path, alarm: str, *, who: str, why: str) -> str:
    """Acknowledge an alarm by its id or the beginning of it; returns a sentence. Raises AnswerError, ReachError."""
    if not (who := who.strip()):
        msg = "an answer needs a name: --who"
        raise AnswerError(msg)
    loaded = configured(config)
    if is_fleet(loaded.config):
        standing = {a.id: a for a in on_bus(loaded, active=True) if a.state is not AlarmState.ACKNOWLEDGED}
        found = _one(alarm, list(standing))
        give_in(loaded, _action(standing[found], who=who, why=why))
        return f"{found} acknowledged by {who}"
    with reached(loaded) as box:
        if isinstance(box, Client):
            told = cast("list[Told]", box.get("alarms", active="true"))
            found = _one(alarm, [str(a["id"]) for a in told if a["state"] != AlarmState.ACKNOWLEDGED])
            box.post(f"alarms/{found}/acknowledge", {"who": who, "why": why})
            return f"{found} acknowledged by {who}"
        waiting = {a.id: a for a in box.alarms(active=True) if a.state is not AlarmState.ACKNOWLEDGED}
    found = _one(alarm, list(waiting))
    _append(loaded, _action(waiting[found], who=who, why=why))
    return f"{found} will be acknowledged by {who} when the box starts"


def _one(wanted: str, ids: list[str]) -> str:
    fitting = [name for name in ids if name.startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    msg = f"no alarm {wanted!r} needs an answer" if not fitting else f"{wanted!r} fits {len(fitting)} alarms"
    raise AnswerError(f"{msg}; `tocsin alarms list` shows their ids")  # noqa: EM102, TRY003 -- both sentences end alike


def _action(alarm: Alarm, *, who: str, why: str) -> Action:
    return Action(
        id=uuid.uuid4().hex, edge=alarm.edge, device=alarm.device, rule=alarm.rule, verb=Verb.ACKNOWLEDGE,
        who=who, why=why, at_ns=time.time_ns(),
    )  # fmt: skip


def _append(loaded: Loaded, action: Action) -> None:
    try:
        with LocalLog.of(log_path(loaded), loaded.config.edge) as log:
            log.append(action)
    except (LogError, FullError) as error:
        raise AnswerError(str(error)) from error
