"""What a config must make sense of beyond its types, as rows: the fields a rule looks at, and its judgement."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise

import msgspec

from wire import forms
from wire.config import (
    Channel,
    Config,
    Console,
    Costs,
    DeviceRule,
    EdgeSettings,
    HostSource,
    Limits,
    ModelRule,
    MqttSource,
    Procedure,
    ReplaySource,
    SerialSource,
    source_names,
)

Found = Iterator[tuple[str, str]]  # key below the struct; what is wrong and what would be right


class Rule(msgspec.Struct, frozen=True):
    """Asked only when all the `fields` it looks at could be read."""

    fields: tuple[str, ...]
    judge: Callable[[msgspec.Struct], Found]


def form(field: str, judge: Callable[[str], str], *, optional: bool = False) -> Rule:
    """A text field must have a form; an optional one may be empty."""

    def judged(struct: msgspec.Struct) -> Found:
        text = getattr(struct, field)
        if text is not None and not (optional and not text) and (what := judge(text)):
            yield field, what

    return Rule((field,), judged)


def each(field: str, judge: Callable[[str], str], *, once: bool = True) -> Rule:
    """Every entry of a list or name of a table must have a form, and stand there once."""

    def judged(struct: msgspec.Struct) -> Found:
        entries: Sequence[str] = tuple(getattr(struct, field) or ())
        for place, entry in enumerate(entries):
            where = f"{field}[{place}]"
            if what := judge(entry):
                yield where, what
            elif once and entry in entries[:place]:
                yield where, f'"{entry}" stands here twice: name it once'

    return Rule((field,), judged)


def _lines(source: SerialSource) -> Found:
    if source.format == "regex" and not source.pattern:
        yield "pattern", 'missing; format = "regex" needs a pattern with named groups'
    elif source.format == "regex" and (what := forms.line_pattern(source.pattern, time_field=source.time_field)):
        yield "pattern", what
    elif source.format == "regex":
        groups = re.compile(source.pattern).groupindex
        for place, channel in enumerate(source.channels):
            if channel not in groups:
                yield f"channels[{place}]", f'the pattern has no named group "{channel}"; it has {", ".join(groups)}'
    elif source.pattern:
        yield "pattern", f'only read with format = "regex", but format is "{source.format}": remove one of them'


def _tls(source: MqttSource) -> Found:
    if bool(source.cert_file) != bool(source.key_file):
        yield ("key_file" if source.cert_file else "cert_file"), "missing; cert_file and key_file go together"
    if source.url.startswith("mqtt:") and (source.ca_file or source.cert_file):
        yield "url", "certificates are given but not used: write mqtts:// for TLS"


def _subscribed(source: MqttSource) -> Found:
    if not source.topics:
        yield "topics", 'expected at least one topic, such as "plant/#"'


def _login(source: MqttSource) -> Found:
    if source.password_env and not source.username_env:
        yield "username_env", "missing; a password needs a user name"


def _sources(edge: EdgeSettings) -> Found:
    names = source_names(edge)
    for place, name in enumerate(names):
        if name in names[:place]:
            yield f"sources[{place}].name", f'another source is called "{name}" too: give each its own name'
    ports = [source.port if isinstance(source, SerialSource) else "" for source in edge.sources]
    for place, port in enumerate(ports):
        if port and port in ports[:place]:
            yield f"sources[{place}].port", f'another source reads "{port}" too: a port has one reader'


def _inputs(config: Config) -> Found:
    if not config.edge.sources and config.bus.startswith("local:"):  # the other roles of a fleet read none
        yield "edge.sources", 'no sources: add [[edge.sources]] or run "tocsin init"'


def _order(limits: Limits) -> Found:
    given = [(name, value) for name in ("LL", "L", "H", "HH") if (value := getattr(limits, name)) is not None]
    for (lower, low), (higher, high) in pairwise(given):
        if low >= high:
            yield higher, f"expected LL < L < H < HH, got {lower} = {low:g} and {higher} = {high:g}"


def _deadband(limits: Limits) -> Found:
    low = max((value for value in (limits.LL, limits.L) if value is not None), default=None)
    high = min((value for value in (limits.H, limits.HH) if value is not None), default=None)
    if low is not None and high is not None and low < high and limits.deadband * 2 >= high - low:
        yield "deadband", f"expected less than half of the {high - low:g} between the limits, got {limits.deadband:g}"


def _range(channel: Channel) -> Found:
    if channel.low is not None and channel.high is not None and channel.low >= channel.high:
        yield "high", f"expected more than low = {channel.low:g}, got {channel.high:g}"


def _possible(channel: Channel) -> Found:
    if channel.limits is None:
        return
    for name in ("LL", "L", "H", "HH"):
        limit = getattr(channel.limits, name)
        if limit is not None and channel.low is not None and limit < channel.low:
            yield f"limits.{name}", f"can never ring: {limit:g} is below the possible low = {channel.low:g}"
        if limit is not None and channel.high is not None and limit > channel.high:
            yield f"limits.{name}", f"can never ring: {limit:g} is above the possible high = {channel.high:g}"


def _keys(rule: DeviceRule) -> Found:
    for pattern in rule.channels:
        if what := forms.name(pattern):
            yield "channels", what


def _trained(config: Config) -> Found:
    names = [rule.name for rule in config.models]
    for place, name in enumerate(names):
        if name in names[:place]:
            yield f"models[{place}].name", f'"{name}" stands here twice: say how it is kept good once'


def _rule(fields: Sequence[str], judge: Callable[..., Found]) -> Rule:
    return Rule(tuple(fields), judge)


RULES: Mapping[type, Sequence[Rule]] = {
    SerialSource: (
        form("name", forms.name, optional=True),
        form("port", forms.serial_port),
        form("device", forms.device),
        form("separator", forms.separator),
        each("channels", forms.name),
        _rule(("format", "pattern", "channels", "time_field"), _lines),
    ),
    MqttSource: (
        form("name", forms.name, optional=True),
        form("url", forms.broker),
        form("pattern", forms.topic_pattern),
        form("run_pattern", forms.station_pattern),
        form("advice_pattern", forms.station_pattern),
        form("username_env", forms.variable),
        form("password_env", forms.variable),
        each("topics", forms.topic_filter),
        _rule(("url", "ca_file", "cert_file", "key_file"), _tls),
        _rule(("topics",), _subscribed),
        _rule(("username_env", "password_env"), _login),
    ),
    HostSource: (form("name", forms.name, optional=True), form("device", forms.device)),
    ReplaySource: (
        form("name", forms.name, optional=True),
        form("path", forms.name),
        form("device", forms.device),
        form("separator", forms.separator),
    ),
    EdgeSettings: (form("name", forms.name), _rule(("sources",), _sources)),
    Limits: (_rule(("LL", "L", "H", "HH"), _order), _rule(("LL", "L", "H", "HH", "deadband"), _deadband)),
    Channel: (_rule(("low", "high"), _range), _rule(("low", "high", "limits"), _possible)),
    DeviceRule: (form("match", forms.name), form("model", forms.name), _rule(("channels",), _keys)),
    Costs: (form("currency", forms.name),),
    Procedure: (form("match", forms.name), form("model", forms.name), each("steps", forms.name)),
    ModelRule: (form("name", forms.model), form("recipe", forms.name)),
    Console: (form("listen", forms.address),),
    Config: (
        form("site", forms.name),
        *(form(kind, partial(forms.located, kind)) for kind in forms.SCHEMES),
        _rule(("edge", "bus"), _inputs),
        _rule(("models",), _trained),
    ),
}
