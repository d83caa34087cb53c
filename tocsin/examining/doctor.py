"""`tocsin doctor`: what is wrong with a box or a fleet, and whether the accounts add up."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec

from edge.log import LocalLog
from edge.logfile import LogError, LogInUseError
from edge.source import SourceError
from edge.sources.usb_ports import comports, path_of
from store.accounts import problems as unbalanced
from store.box.box import DuckStore
from store.port import Accounts
from tocsin.examining import device_doctor
from tocsin.examining.bench_doctor import of_box, of_reader
from tocsin.examining.check import checked
from tocsin.examining.finding import Finding, bad, good
from tocsin.places import is_fleet, log_path, store_path
from tocsin.reaching.client import BoxError, Client
from tocsin.reaching.reach import ReachError, reached
from wire.config import MqttSource, ReplaySource, SerialSource, source_names
from wire.problem import SettingsError
from wire.settings import Loaded

CONNECT_S = 2.0
FEW_HOURS = 24.0
MOST_KEPT = 1250  # bytes a channel: 10 KB of a device with 8
LANE = "lane/"  # what the names of lanes in the core's state begin with


def examine(config: Path) -> list[Finding]:
    """Look at everything; a config with errors ends the examination there."""
    try:
        loaded = checked(config)
    except SettingsError as error:
        return [bad("config", str(problem)) for problem in error.problems]
    found = [good("config", str(config)), *_sources(loaded), *_models(loaded)]
    if loaded.config.edge.sources or not is_fleet(loaded.config):  # other roles keep nothing beside their config
        found += _disk(loaded)
    if not is_fleet(loaded.config):
        return [*found, *_records(loaded)]
    from tocsin.examining.fleet_doctor import examine_fleet  # noqa: PLC0415 -- a box needs none of what a fleet needs

    return [*found, *_outbox(loaded), *examine_fleet(loaded)]


def _sources(loaded: Loaded) -> Iterator[Finding]:
    for source in loaded.config.edge.sources:
        if isinstance(source, SerialSource):
            yield _port(loaded, source.port)
        elif isinstance(source, MqttSource):
            yield _broker(source.url)
        elif isinstance(source, ReplaySource):
            path = loaded.path(source.path)
            yield good("file", str(path)) if path.is_file() else bad("file", f"there is no {path}")


def _port(loaded: Loaded, port: str) -> Finding:
    try:
        path = path_of(port, comports) if port.startswith("usb:") else str(loaded.path(port))
    except SourceError as error:
        return bad("serial port", str(error))
    if not Path(path).exists():
        return bad("serial port", f"{path} is not there: is the device plugged in?")
    if not os.access(path, os.R_OK | os.W_OK):
        return bad("serial port", f"{path} may not be opened: add this user to its group (often dialout)")
    return good("serial port", path)


def _broker(url: str) -> Finding:
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or (8883 if parts.scheme == "mqtts" else 1883))
    try:
        socket.create_connection(address, timeout=CONNECT_S).close()
    except OSError as error:
        return bad("MQTT broker", f"nothing answers at {address[0]}:{address[1]} ({error}): is it running?")
    return good("MQTT broker", f"{address[0]}:{address[1]} answers")


def _models(loaded: Loaded) -> Iterator[Finding]:
    if find_spec("numpy") is None:  # an edge alone scores nothing
        return
    from stream.models.detectors import models_named  # noqa: PLC0415 -- see above
    from tocsin.modelling.shelf import champions  # noqa: PLC0415

    models = champions(loaded)
    for name, model in models.found.items():
        kept = model.cold(len(model.channels)).nbytes
        said = f"{name} {model.version}: {len(model.channels)} channels, {kept / 1000:.1f} KB kept of each device"
        much = kept > len(model.channels) * MOST_KEPT
        why = ", written with every batch: shorten the windows of its features, or fade instead" if much else ""
        yield Finding("model", much, said + why)
    named = models_named(loaded.config)
    for name, why in models.missing.items():
        is_device = named.get(name, "devices").startswith("devices")
        instead = "the self-learning detector watches" if is_device else "runs are kept, and no one calls them early"
        yield bad("model", f"{name}: {why}; until there is such a model {instead}")


def _disk(loaded: Loaded) -> Iterator[Finding]:
    folder = log_path(loaded).parent
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        yield bad("disk", f"{folder} may not be written")
    free, least = shutil.disk_usage(folder).free, loaded.config.retention.min_free
    said = f"{free / 1e9:.1f} GB free at {folder}"
    yield bad("disk", f"{said}, below retention.min_free") if free < least else good("disk", said)


def _records(loaded: Loaded) -> Iterator[Finding]:
    if not store_path(loaded).exists():
        yield good("store", "none yet: the box has not run here")
        return
    try:
        with reached(loaded) as box:
            yield from _running(loaded, box) if isinstance(box, Client) else _stopped(loaded, box)
    except (ReachError, BoxError) as error:
        yield bad("store", str(error))


def _running(loaded: Loaded, box: Client) -> Iterator[Finding]:
    trouble = box.ready()
    yield bad("box", trouble) if trouble else good("box", f"running at {box.base}")
    edge = loaded.config.edge
    for source in cast("list[dict[str, str]]", box.get("sources")):
        if source["edge"] != edge.name or source["source"] not in source_names(edge):
            continue  # the store remembers sources that were taken out of the config
        failed = source["state"] in {"failed", "retrying"}
        yield Finding("source", failed, f"{source['source']} is {source['state']}. {source['detail']}".strip())
    accounts = [msgspec.convert(a, Accounts) for a in cast("list[object]", box.get("accounts"))]
    yield from _balance(accounts, unbalanced(accounts))
    yield from device_doctor.of_box(box, loaded.config)
    yield from of_box(box, loaded.config, time.time_ns())


def _stopped(loaded: Loaded, store: DuckStore) -> Iterator[Finding]:
    yield good("box", "stopped")
    accounts = store.accounts()
    yield from _balance(accounts, unbalanced(accounts, store.counted()))
    yield from device_doctor.of_reader(store, loaded.config)
    yield from of_reader(store, loaded.config, time.time_ns())
    if not log_path(loaded).exists():  # opening it would make a new one, and an examination changes nothing
        yield bad("log", f"there is no {log_path(loaded)}, and the store was written from one: was it moved away?")
        return
    try:
        with LocalLog.of(log_path(loaded), loaded.config.edge) as log:
            status = log.status()
    except LogError as error:
        yield bad("log", str(error))
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
        yield bad("log", f"full in {status.hours_left:.1f} h at the present rate")


def _outbox(loaded: Loaded) -> Iterator[Finding]:
    if not log_path(loaded).exists():
        return  # no edge runs here
    try:
        with LocalLog.of(log_path(loaded), loaded.config.edge) as log:
            lane = log.status().lane
    except LogInUseError:
        yield good("outbox", f"{log_path(loaded)} is in use by an edge: see its /metrics")
    except LogError as error:
        yield bad("outbox", str(error))
    else:
        yield good("outbox", f"of {lane.rows} rows {lane.confirmed} were passed on, {lane.waiting} wait")


def _unread(store: DuckStore) -> str:
    count = sum(letter.count for letter in store.dead(limit=10_000) if letter.source == "inputs")
    records = f"{count} record{'s' * (count > 1)} of the log"
    return f"; {records} could not be read, see the dead letters, and check the disk" if count else ""


def _balance(accounts: list[Accounts], wrong: list[str]) -> Iterator[Finding]:
    for sentence in wrong:
        yield bad("accounts", sentence)
    for one in accounts if not wrong else []:
        yield good(
            "accounts",
            f"{one.edge}: {one.rows} rows came, {one.stored} stored, {one.retained_away} gone by retention; "
            f"{one.dead} dead letters, {one.redelivered} redelivered, {one.gaps} gaps: adds up",
        )
