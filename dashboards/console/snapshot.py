"""One look at the whole plant, and what changed between two looks; pure."""

from collections.abc import Mapping, Sequence

import msgspec

from dashboards.console.desk import BoxStatus
from dashboards.console.words import PRIORITY_RANK, STATE_RANK
from store.port import Accounts, Device
from wire.messages import Alarm, AlarmState, DeadLetter, Gap, Health, SourceState

SEEN_MAX = 5000  # alarms whose version is remembered; the longest unchanged is forgotten first


class Snapshot(msgspec.Struct, frozen=True):
    """What the console knew at one moment; `error` says why it could not look."""

    at_ns: int = 0
    devices: Sequence[Device] = ()
    alarms: Sequence[Alarm] = ()  # those that are not over, loudest first
    recent: Sequence[Alarm] = ()  # whatever changed lately
    sources: Sequence[tuple[str, SourceState]] = ()
    gaps: Sequence[tuple[str, Gap]] = ()
    dead: Sequence[DeadLetter] = ()
    accounts: Sequence[Accounts] = ()
    status: BoxStatus = BoxStatus()
    rows_per_s: float | None = None
    error: str = ""


class Change(msgspec.Struct, frozen=True):
    """One thing that listeners are told."""

    kind: str  # "alarm" | "liveness"
    body: Alarm | Device
    changed_ns: int


class Seen(msgspec.Struct, frozen=True):
    """What listeners have been told already."""

    alarms: Mapping[str, tuple[int, AlarmState]] = {}
    health: Mapping[str, Health | None] = {}


def loudness(alarm: Alarm) -> tuple[int, int, int]:
    """Sorting key: what needs a person most comes first, then by priority, then the newest."""
    return STATE_RANK[alarm.state], PRIORITY_RANK[alarm.priority], -alarm.onset_ns


def changes(seen: Seen, snapshot: Snapshot) -> tuple[Seen, list[Change]]:
    """What is new in a look, and what is seen after it."""
    versions, told = dict(seen.alarms), list[Change]()
    for alarm in (*snapshot.recent, *snapshot.alarms):
        if versions.get(alarm.id) != (alarm.version, alarm.state):
            versions.pop(alarm.id, None)
            versions[alarm.id] = alarm.version, alarm.state
            told.append(Change(kind="alarm", body=alarm, changed_ns=alarm.changed_ns))
    for stale in list(versions)[: max(0, len(versions) - SEEN_MAX)]:
        del versions[stale]
    told.sort(key=lambda change: change.changed_ns)
    health = {device.device: device.health for device in snapshot.devices}
    for device in snapshot.devices:
        if seen.health.get(device.device, "") != device.health:
            told.append(Change(kind="liveness", body=device, changed_ns=device.last_ns))
    return Seen(alarms=versions, health=health), told


def gone(seen: Seen, alarms: Sequence[Alarm]) -> list[str]:
    """Alarms that stood at the last look and are not among those that stand now."""
    standing = {alarm.id for alarm in alarms}
    return [key for key, (_, state) in seen.alarms.items() if state != AlarmState.NORMAL and key not in standing]


def imbalance(account: Accounts) -> str:
    """Why an edge's counts do not add up, in one sentence; empty when they do."""
    missing = account.rows - account.stored
    if missing > 0:
        return f"{missing:,} accepted rows are not stored"
    if missing < 0:
        return f"{-missing:,} rows are stored that no batch brought"
    if account.retained_away > account.stored:
        return f"retention dropped {account.retained_away - account.stored:,} rows more than were stored"
    return ""
