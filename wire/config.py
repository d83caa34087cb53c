"""What `tocsin.toml` may say: one frozen struct a table, with units in the names; reads no file."""

from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Literal

import msgspec

from wire.messages import NS_PER_S

DurationNs = Annotated[int, msgspec.Meta(gt=0, extra={"parse": "duration"})]  # written "100ms", "10s", "2h", "7d"
DelayNs = Annotated[int, msgspec.Meta(ge=0, extra={"parse": "duration"})]  # "0s" is none
Bytes = Annotated[int, msgspec.Meta(ge=0, extra={"parse": "bytes"})]  # written "512MB", "2GB"
LineBytes = Annotated[int, msgspec.Meta(ge=16, le=16_777_216, extra={"parse": "bytes"})]
OutboxBytes = Annotated[int, msgspec.Meta(ge=1_000_000, extra={"parse": "bytes"})]
Baud = Annotated[int, msgspec.Meta(ge=1, le=20_000_000)]
UShort = Annotated[int, msgspec.Meta(ge=1, le=65535)]
NotNegative = Annotated[float, msgspec.Meta(ge=0.0)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]

HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS


class OnStart(StrEnum):
    """What a source does that cannot start: try for ever, go on without it, or stop the program."""

    RETRY = "retry"
    IGNORE = "ignore"
    FAIL = "fail"


class _Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    name: str = ""  # default: the type and its place, "serial-1"
    on_start: OnStart = OnStart.RETRY
    times: Literal["checked", "own"] = "checked"  # own: recorded data that keeps its times


class SerialSource(_Source, frozen=True, kw_only=True, tag="serial"):
    """Lines from a serial port."""

    port: str  # "/dev/ttyUSB0", a stable path, or "usb:VID:PID/serial"
    device: str
    channels: tuple[str, ...] = ()  # empty: taken from the CSV header, JSON keys or named groups
    baud: Baud = 9600
    format: Literal["csv", "json", "regex"] = "csv"
    separator: str = ","
    pattern: str = ""  # for regex: named groups are channels, group "time" is the time
    time_field: str = ""  # CSV column or JSON key that holds the time
    checksum: Literal["none", "nmea"] = "none"
    max_line_bytes: LineBytes = 65536


class MqttSource(_Source, frozen=True, kw_only=True, tag="mqtt"):
    """Messages from an MQTT broker, acknowledged only when they are on disk."""

    url: str = "mqtt://127.0.0.1:1883"  # mqtts:// for TLS
    topics: tuple[str, ...] = ("plant/#",)
    pattern: str = "plant/{device}/{channel}"  # a bare number; without /{channel} a JSON mapping
    fields: Mapping[str, str] = {}  # channel name -> dotted path in the JSON; empty: every number in it
    time_field: str = "time"  # dotted path; s, ms, us, ns or ISO 8601
    run_pattern: str = "plant/{station}/run"  # where test benches say JSON objects with an "event"; "": nowhere
    advice_pattern: str = "plant/{station}/advice"  # where they are answered; "": nowhere
    client_id: str = ""  # default: tocsin-{edge name}-{source name}
    username_env: str = ""
    password_env: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    version: Literal["auto", "5", "3.1.1"] = "auto"
    receive_maximum: UShort = 1000
    session_expiry_ns: DurationNs = msgspec.field(name="session_expiry", default=7 * DAY_NS)


class HostSource(_Source, frozen=True, kw_only=True, tag="host"):
    """This machine's own load, memory, temperature, disk and network."""

    device: str = "host"
    every_ns: DurationNs = msgspec.field(name="every", default=NS_PER_S)


class ReplaySource(_Source, frozen=True, kw_only=True, tag="replay"):
    """Rows of a CSV file, at their own pace times `speed` (0 = as fast as possible)."""

    path: str
    device: str
    separator: str = ","
    time_field: str = "time"
    ignore: tuple[str, ...] = ()  # columns that are no channels
    speed: NotNegative = 1.0
    moved_to_now: bool = False  # false: rows keep their own times
    loop: bool = False


Source = SerialSource | MqttSource | HostSource | ReplaySource


class WhenFull(StrEnum):
    """What gives way when the outbox is full."""

    OLDEST = "oldest"
    REFUSE = "refuse"
    THIN = "thin"


class EdgeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The edge: its sources, and the bounds of its outbox."""

    name: str = "edge"
    sources: tuple[Source, ...] = ()
    listen: str = ""  # where an edge of a fleet answers test benches over HTTP; a box does so on its page's address
    outbox: str = "data/outbox.sqlite"  # of an edge of a fleet; a box has its `bus`
    outbox_bytes: OutboxBytes = 2_000_000_000
    outbox_age_ns: DurationNs = msgspec.field(name="outbox_age", default=7 * DAY_NS)
    when_full: WhenFull = WhenFull.OLDEST
    live_first_after_ns: DurationNs = msgspec.field(name="live_first_after", default=600 * NS_PER_S)
    past_ns: DurationNs = msgspec.field(name="past", default=24 * HOUR_NS)  # older claimed times are doubted
    future_ns: DurationNs = msgspec.field(name="future", default=300 * NS_PER_S)


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Static limits of a channel in its uom: alarm at or beyond; the alarm ends `deadband` inside again."""

    HH: float | None = None
    H: float | None = None
    L: float | None = None
    LL: float | None = None
    deadband: NotNegative = 0.0
    delay_ns: DelayNs = msgspec.field(name="delay", default=0)  # how long it must stand, in sensor time
    cause: str = ""
    consequence: str = ""
    response: str = ""


class Channel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a channel; None = not said here."""

    uom: str | None = None
    low: float | None = None  # physically possible range: a value outside it is a sensor fault
    high: float | None = None
    single: bool | None = None  # float32 is enough
    silent_after_ns: DurationNs | None = msgspec.field(name="silent_after", default=None)
    stuck_after_ns: DurationNs | None = msgspec.field(name="stuck_after", default=None)
    limits: Limits | None = None


class DeviceRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of the devices that `match`; later rules override earlier ones, field by field."""

    match: str
    owner: str | None = None
    every_ns: DurationNs | None = msgspec.field(name="every", default=None)
    model: str | None = None  # none: the self-learning detector; "off": not watched by a model
    running_when: str | None = None  # "current > 0.5 and speed >= 10"
    silent_after_ns: DurationNs | None = msgspec.field(name="silent_after", default=None)
    cause: str | None = None  # texts of this device's anomaly alarm
    consequence: str | None = None
    response: str | None = None
    channels: Mapping[str, Channel] = {}  # keys may be globs


class Costs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the ends of a test run cost, all in one currency."""

    bench_hour: NotNegative = 60.0  # an hour of testing on
    scrap_good: NotNegative = 100.0  # a good unit stopped: taken out, looked at or scrapped for nothing
    pass_bad: NotNegative = 1000.0  # a bad unit passed on, by the share of them that a whole test lets pass
    escape_share: Share = 0.0  # of bad units that a whole test lets pass
    repair: NotNegative = 0.0  # of a bad unit, whenever it is found
    currency: str = "EUR"


class Procedure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of the test procedures that `match`; later rules override earlier ones, field by field."""

    match: str
    owner: str | None = None
    model: str | None = None  # champion of that name; none: data is collected
    advice: Literal["shadow", "on", "off"] | None = None  # "shadow", if not said: recorded, told to no bench
    whole_share: Share | None = None  # of runs that are always tested to the end; 0.05 if not said
    needed_failures: UShort | None = None  # before a model is worth training; 30 if not said
    broken_off_after_ns: DurationNs | None = msgspec.field(name="broken_off_after", default=None)  # "8h" if not said
    steps: tuple[str, ...] | None = None  # in order, where no bench says them
    costs: Costs | None = None


class ModelRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is kept good: what it is trained anew with, when, and who lets a candidate in."""

    name: str
    recipe: str  # a file, or a shipped recipe
    history_ns: DurationNs = msgspec.field(name="history", default=30 * DAY_NS)  # of the store, to train on
    retrain: tuple[Literal["drift", "age", "labels", "data"], ...] = ()  # what starts a training; none: a person
    max_age_ns: DurationNs = msgspec.field(name="max_age", default=30 * DAY_NS)
    after_drift_ns: DelayNs = msgspec.field(name="after_drift", default=DAY_NS)  # of rows, and only those are learnt
    new_labels: UShort = 20
    check_every_ns: DurationNs = msgspec.field(name="check_every", default=600 * NS_PER_S)
    shadow_for_ns: DelayNs = msgspec.field(name="shadow_for", default=DAY_NS)  # beside the champion, before the gate
    promote: Literal["hand", "gate"] = "hand"
    memory: OutboxBytes = 2_000_000_000  # of the training's process


class Console(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the page is served; another address than loopback needs a token in TOCSIN_TOKEN."""

    listen: str = "127.0.0.1:8765"


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the hot store keeps what; the oldest goes first, and `min_free` of the disk is never used."""

    readings_ns: DurationNs = msgspec.field(name="readings", default=90 * DAY_NS)
    scores_ns: DurationNs = msgspec.field(name="scores", default=90 * DAY_NS)
    alarms_ns: DurationNs = msgspec.field(name="alarms", default=3650 * DAY_NS)
    min_free: Bytes = 500_000_000


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `tocsin.toml`. Relative paths are relative to the file."""

    site: str = "site"
    bus: str = "local:data/log.sqlite"
    store: str = "duckdb:data/tocsin.duckdb"
    registry: str = "folder:data/models"
    archive: str = "data/archive"  # a folder, or a URL such as s3://BUCKET/PATH
    edge: EdgeSettings = EdgeSettings()
    devices: tuple[DeviceRule, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    models: tuple[ModelRule, ...] = ()
    console: Console = Console()
    retention: Retention = Retention()

    def procedure(self, name: str) -> Procedure:
        """All rules that match a procedure laid over each other; an unmatched one has a rule without fields."""
        rule = Procedure(match=name)
        for other in self.procedures:
            if fnmatchcase(name, other.match):
                said = {f: v for f in other.__struct_fields__ if f != "match" and (v := getattr(other, f)) is not None}
                rule = msgspec.structs.replace(rule, **said)
        return rule

    def device(self, name: str) -> DeviceRule:
        """All rules that match a device laid over each other; an unmatched device has a rule without fields."""
        rule = DeviceRule(match=name)
        for other in self.devices:
            if fnmatchcase(name, other.match):
                rule = _over(rule, other)
        return rule


def channel(rule: DeviceRule, name: str) -> Channel:
    """All entries of a device's rule that match a channel laid over each other."""
    found = Channel()
    for pattern, entry in rule.channels.items():
        if fnmatchcase(name, pattern):
            found = _channel_over(found, entry)
    return found


def source_names(edge: EdgeSettings) -> tuple[str, ...]:
    """The name of each source: its own, or its type and its place among those of its type, counted from 1.

    >>> pump = SerialSource(port="/dev/ttyS0", device="pump-1")
    >>> source_names(EdgeSettings(sources=(pump, HostSource(name="here"), pump)))
    ('serial-1', 'here', 'serial-2')
    """
    kinds = [str(source.__struct_config__.tag) for source in edge.sources]
    return tuple(
        source.name or f"{kind}-{kinds[: place + 1].count(kind)}"
        for place, (source, kind) in enumerate(zip(edge.sources, kinds, strict=True))
    )


def _over(under: DeviceRule, over: DeviceRule) -> DeviceRule:
    said = {
        f: v for f in over.__struct_fields__ if f not in {"match", "channels"} and (v := getattr(over, f)) is not None
    }
    channels = dict(under.channels)
    for name, entry in over.channels.items():
        channels[name] = _channel_over(channels.pop(name, Channel()), entry)
    return msgspec.structs.replace(under, **said, channels=channels)


def _channel_over(under: Channel, over: Channel) -> Channel:
    said = {f: v for f in over.__struct_fields__ if (v := getattr(over, f)) is not None}
    return msgspec.structs.replace(under, **said)
