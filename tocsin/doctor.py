"""`tocsin doctor`: what is wrong with a box, running or stopped, and whether its accounts add up."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec

from edge.log import LocalLog
from edge.logfile import LogError
from edge.source import SourceError
from edge.sources.usb_ports import comports, path_of
from store.accounts import problems as unbalanced
from store.box import DuckStore
from store.port import Accounts
from tocsin.check import check
from tocsin.client import BoxError, Client
from tocsin.places import log_path, store_path
from tocsin.reach import ReachError, configured, reached
from wire.config import MqttSource, ReplaySource, SerialSource, source_names
from wire.settings import Loaded

CONNECT_S = 2.0
FEW_HOURS = 24.0
LANE = "lane/"  # what the names of lanes in the core's state begin with


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at: how it is, and what to do if it is bad."""

    what: str
    bad: bool
    detail: str

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return {"what": self.what, "ok": not self.bad, "detail": self.detail}

    def __str__(self) -> str:
        """One line for a terminal."""
        return f"{'BAD ' if self.bad else 'ok  '} {self.what}: {self.detail}"


def examine(config: Path) -> list[Finding]:
    """Look at everything; a config with errors ends the examination there."""
    problems = check(config)
    if problems:
        return [_bad("config", str(problem)) for problem in problems]
    loaded = configured(config)
    return [_good("config", str(config)), *_sources(loaded), *_disk(loaded), *_records(loaded)]


def _sources(loaded: Loaded) -> Iterator[Finding]:
    for source in loaded.config.edge.sources:
        if isinstance(source, SerialSource):
            yield _port(loaded, source.port)
        elif isinstance(source, MqttSource):
            yield _broker(source.url)
        elif isinstance(source, ReplaySource):
            path = loaded.path(source.path)
            yield _good("file", str(path)) if path.is_file() else _bad("file", f"there is no {path}")


def _port(loaded: Loaded, port: str) -> Finding:
    try:
        path = path_of(port, comports) if port.startswith("usb:") else str(loaded.path(port))
    except SourceError as error:
        return _bad("serial port", str(error))
    if not Path(path).exists():
        return _bad("serial port", f"{path} is not there: is the device plugged in?")
    if not os.access(path, os.R_OK | os.W_OK):
        return _bad("serial port", f"{path} may not be opened: add this user to its group (often dialout)")
    return _good("serial port", path)


def _broker(url: str) -> Finding:
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or (8883 if parts.scheme == "mqtts" else 1883))
    try:
        socket.create_connection(address, timeout=CONNECT_S).close()
    except OSError as error:
        return _bad("MQTT broker", f"nothing answers at {address[0]}:{address[1]} ({error}): is it running?")
    return _good("MQTT broker", f"{address[0]}:{address[1]} answers")


def _disk(loaded: Loaded) -> Iterator[Finding]:
    folder = log_path(loaded).parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        yield _bad("disk", f"{folder} may not be written")
    free, least = shutil.disk_usage(folder).free, loaded.config.retention.min_free
    said = f"{free / 1e9:.1f} GB free at {folder}"
    yield _bad("disk", f"{said}, below retention.min_free") if free < least else _good("disk", said)


def _records(loaded: Loaded) -> Iterator[Finding]:
    if not store_path(loaded).exists():
        yield _good("store", "none yet: the box has not run here")
        return
    try:
        with reached(loaded) as box:
            yield from _running(loaded, box) if isinstance(box, Client) else _stopped(loaded, box)
    except (ReachError, BoxError) as error:
        yield _bad("store", str(error))


def _running(loaded: Loaded, box: Client) -> Iterator[Finding]:
    trouble = box.ready()
    yield _bad("box", trouble) if trouble else _good("box", f"running at {box.base}")
    edge = loaded.config.edge
    for source in cast("list[dict[str, str]]", box.get("sources")):
        if source["edge"] != edge.name or source["source"] not in source_names(edge):
            continue  # the store remembers sources that were taken out of the config
        failed = source["state"] in {"failed", "retrying"}
        yield Finding("source", failed, f"{source['source']} is {source['state']}. {source['detail']}".strip())
    accounts = [msgspec.convert(a, Accounts) for a in cast("list[object]", box.get("accounts"))]
    yield from _balance(accounts, unbalanced(accounts))


def _stopped(loaded: Loaded, store: DuckStore) -> Iterator[Finding]:
    yield _good("box", "stopped")
    accounts = store.accounts()
    yield from _balance(accounts, unbalanced(accounts, store.counted()))
    if not log_path(loaded).exists():  # opening it would make a new one, and an examination changes nothing
        yield _bad("log", f"there is no {log_path(loaded)}, and the store was written from one: was it moved away?")
        return
    try:
        with LocalLog.of(log_path(loaded), loaded.config.edge) as log:
            status = log.status()
    except LogError as error:
        yield _bad("log", str(error))
        return
    lane, stored = status.lane, sum(account.rows for account in accounts)
    text = f"of {lane.rows} rows {lane.confirmed} were passed on, {lane.waiting} wait, {lane.given_up} gave way"
    # A crash between the store's commit and the log's own note leaves rows in both; the cursor skips them.
    # A log that took over from one that was moved away never held what that one passed on.
    logs = sum(name.startswith(LANE) for name in store.resume().state)
    fits = lane.confirmed <= stored and (stored <= lane.confirmed + lane.waiting or logs > 1)
    why = "" if fits else f", but the store took {stored}: these do not add up{_unread(store)}"
    yield Finding("log", not fits, text + why)
    if status.hours_left is not None and status.hours_left < FEW_HOURS:
        yield _bad("log", f"full in {status.hours_left:.1f} h at the present rate")


def _unread(store: DuckStore) -> str:
    count = sum(letter.count for letter in store.dead(limit=10_000) if letter.source == "inputs")
    records = f"{count} record{'s' * (count > 1)} of the log"
    return f"; {records} could not be read, see the dead letters, and check the disk" if count else ""


def _balance(accounts: list[Accounts], wrong: list[str]) -> Iterator[Finding]:
    for sentence in wrong:
        yield _bad("accounts", sentence)
    for one in accounts if not wrong else []:
        yield _good(
            "accounts",
            f"{one.edge}: {one.rows} rows came, {one.stored} stored, {one.retained_away} gone by retention; "
            f"{one.dead} dead letters, {one.redelivered} redelivered, {one.gaps} gaps: adds up",
        )


def _good(what: str, detail: str) -> Finding:
    return Finding(what, bad=False, detail=detail)


def _bad(what: str, detail: str) -> Finding:
    return Finding(what, bad=True, detail=detail)
