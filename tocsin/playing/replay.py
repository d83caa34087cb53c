"""`tocsin replay`: a recorded CSV through the very box, in a folder that is gone afterwards."""

import json
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from store.errors import StoreError
from tocsin.ending import ended
from tocsin.options import DEFAULT
from tocsin.places import models_url
from tocsin.roles.box import Box, BoxError
from wire.config import Config, EdgeSettings, ReplaySource, Retention, WhenFull
from wire.messages import SourceStatus
from wire.problem import SettingsError
from wire.settings import Loaded, load

POLL_S = 0.05
DRAIN_S = 3600.0
FOR_EVER = Retention(readings_ns=2**62, scores_ns=2**62, alarms_ns=2**62)  # a recording may be older than a plant keeps


class ReplayError(Exception):
    """The recording cannot be played; the message says why."""


def play(
    file: Path,
    *,
    device: str,
    speed: float,
    time_field: str,
    separator: str,
    ignore: tuple[str, ...],
    config: Path,
    as_json: bool,
) -> None:
    """Play a recording with its own times, scored by the rules of the config if there is one; prints what rang."""
    if not device.strip():
        msg = "--device: say which device the rows belong to, such as pump-1"
        raise ReplayError(msg)
    source = ReplaySource(
        path=str(file.absolute()),
        device=device,
        separator=separator,
        time_field=time_field,
        ignore=ignore,
        speed=speed,
        times="own",
    )
    try:
        rules = load(config) if config.exists() or config != DEFAULT else Loaded(Config(), Path())
    except SettingsError as error:
        raise ReplayError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="tocsin-replay-") as folder:
        settings = msgspec.structs.replace(
            rules.config,
            registry=models_url(rules),
            bus="local:log.sqlite",
            store="duckdb:store.duckdb",
            edge=EdgeSettings(name="replay", sources=(source,), when_full=WhenFull.REFUSE),
            retention=FOR_EVER,
        )
        try:
            with ended() as end, Box(Loaded(config=settings, folder=Path(folder))) as box:
                if _until_over(box, end) and not box.drained(DRAIN_S):
                    raise ReplayError(box.failure() or f"scoring took longer than {DRAIN_S:g} s")
                _tell(box, as_json=as_json)
        except (BoxError, StoreError) as error:
            raise ReplayError(str(error)) from error


def _until_over(box: Box, end: threading.Event) -> bool:
    """Wait for the end of the recording; false if somebody ended it before."""
    while not end.wait(POLL_S):
        states = [state for _, state in box.reader.sources()]
        if any(state.state is SourceStatus.ENDED for state in states):
            return True
        failed = [s.detail for s in states if s.state in {SourceStatus.FAILED, SourceStatus.RETRYING}]
        if trouble := box.failure() or box.no_room() or "".join(failed[:1]):
            raise ReplayError(trouble)
    return False


def _tell(box: Box, *, as_json: bool) -> None:
    accounts = box.reader.accounts()
    alarms = sorted(box.reader.alarms(), key=lambda alarm: alarm.onset_ns)
    if as_json:
        told = {
            "rows": sum(a.rows for a in accounts),
            "scored": sum(a.scored for a in accounts),
            "dead": sum(a.dead for a in accounts),
            "alarms": msgspec.to_builtins(alarms),
        }
        click.echo(json.dumps(told))
        return
    for account in accounts:
        click.echo(f"{account.rows} rows, {account.scored} scored, {account.dead} could not be read")
    for alarm in alarms:
        click.echo(f"{_iso(alarm.onset_ns)}  {alarm.priority:8}  {alarm.rule:20}  {alarm.summary}")
    if not alarms:
        click.echo("nothing rang")


def _iso(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns // 1_000_000_000, UTC).isoformat(timespec="seconds")
