"""What `tocsin doctor` says of test benches: when each station was last heard, and which procedures have no model."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from dashboards.console.stations import MOST, Station, stations, words
from store.port import Reader
from stream.alarms.phrase import span
from tocsin.examining.finding import Finding, good
from tocsin.reaching.client import Client
from wire.config import Config
from wire.messages import Advice, Run

NEEDED = 30  # failures before a model is worth training, where the configuration does not say
NAMED = 3  # runs in one line


class Known(msgspec.Struct, frozen=True):
    """What is known of one procedure, as the API says it too."""

    procedure: str
    model: str
    model_version: int
    advice: str
    needed: int
    states: Mapping[str, int]


def of_box(box: Client, config: Config, now_ns: int) -> Iterator[Finding]:
    """Of a running box, as its API says."""
    places = msgspec.convert(box.get("stations"), list[Station], strict=False)
    known = msgspec.convert(box.get("procedures"), list[Known])
    return findings(places, known, config, now_ns)


def of_reader(reader: Reader, config: Config, now_ns: int) -> Iterator[Finding]:
    """Of a stopped box, or of a fleet."""
    by_name: dict[str, list[Run]] = {}
    for run in reader.runs(limit=MOST, rows=False):
        if run.procedure:
            by_name.setdefault(run.procedure, []).append(run)
    said = words(reader, by_name)
    known = [_known(name, runs, config, said.get(name)) for name, runs in sorted(by_name.items())]
    return findings(stations(reader), known, config, now_ns)


def _known(name: str, runs: Iterable[Run], config: Config, said: Advice | None) -> Known:
    rule, states = config.procedure(name), dict[str, int]()
    for run in runs:
        states[run.state] = states.get(run.state, 0) + 1
    lacking = max(0, (rule.needed_failures or NEEDED) - states.get("fail", 0))
    return Known(
        procedure=name,
        model=(said.model if said is not None else "") or rule.model or "",
        model_version=said.model_version if said is not None else 0,
        advice=(said.mode if said is not None else "") or rule.advice or "shadow",
        needed=said.needed if said is not None else lacking,
        states=states,
    )


def findings(places: Iterable[Station], known: Iterable[Known], config: Config, now_ns: int) -> Iterator[Finding]:
    """A line a station, a procedure, and a rule for procedures that no run was seen of."""
    for place in places:
        yield good("station", _station(place, now_ns))
    names = set()
    for one in known:
        names.add(one.procedure)
        yield good("procedure", f"{one.procedure}: {_procedure(one, config)}")
    for rule in config.procedures:
        if "*" not in rule.match and "?" not in rule.match and rule.match not in names:
            yield good("procedure", f"{rule.match}: named in the config, and no run of it was seen: is it spelt so?")


def _station(of: Station, now_ns: int) -> str:
    name = of.station or "a station that does not say its name"
    count = len(of.running)
    names = ", ".join(of.running[:NAMED]) + (" ..." if count > NAMED else "")
    going = f"{count} run{'s' * (count > 1)} open: {names}" if count else "no run open"
    by = f" by {of.source}" if of.source else ""
    return f"{name} of edge {of.edge}: last heard of {span(max(0, now_ns - of.heard_ns))} ago{by}, {going}"


def _procedure(of: Known, config: Config) -> str:
    counted = f"{of.states.get('pass', 0)} passed, {of.states.get('fail', 0)} failed"
    if of.model_version:
        return f"{counted}; model {of.model} version {of.model_version}, advice {of.advice}"
    rule = config.procedure(of.procedure)
    if rule.advice == "off" or rule.model == "off":
        return f"{counted}; advice is off, so no model is asked"
    if of.needed:
        failures = "1 failure is" if of.needed == 1 else f"{of.needed} failures are"
        return f"{counted}; no model, and {failures} still needed to train one"
    if rule.model:
        return f"{counted}; model {rule.model} has called no run yet"
    what = f"tocsin data export --runs '{of.procedure}' --out runs.csv, then tocsin train bench"
    return f"{counted}; no model, though there are failures enough: {what}, and model = in [[procedures]]"
