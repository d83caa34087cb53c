"""Each kind of thing in a lineage as a node with one sentence; asks nobody."""

from collections.abc import Sequence
from datetime import UTC, datetime

from models.catalogue.entries import Moved, Node
from models.catalogue.sets import recipe_digest, recipe_name, titled
from models.registry.manifest import Manifest, Source
from store.port import Device
from wire.messages import Alarm, Label, Run


def iso(t_ns: int) -> str:
    """A time to the second, as far as the calendar reaches.

    >>> iso(1_500_000_000)
    '1970-01-01T00:00:01Z'
    """
    try:
        return f"{datetime.fromtimestamp(t_ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"{t_ns} ns"


def alarm(of: Alarm) -> Node:
    """An alarm."""
    says = f"{of.rule} of {of.device} rang at {iso(of.onset_ns)}, now {of.state.value}: {of.summary}"
    return Node(f"alarm:{of.id}", "alarm", says, of.device, of.onset_ns, of.changed_ns)


def rows(of: Alarm) -> Node:
    """The rows that an alarm is about: from its onset to its end, or to its newest change while it stands."""
    says = f"rows of {of.device} of edge {of.edge} from {iso(of.onset_ns)} to {iso(of.changed_ns)}"
    return Node(f"rows:{of.device}/{of.onset_ns}", "rows", says, of.device, of.onset_ns, of.changed_ns)


def rule(of: Alarm) -> Node:
    """What rang where no model did."""
    limit = f" with limit {of.limit:g}" if of.limit is not None else ""
    return Node(f"rule:{of.rule}", "rule", f"rule {of.rule}{limit} of the config; no model", of.device)


def model(of: Manifest) -> Node:
    """A version of a model."""
    says = f"{titled(of)}, {of.task.value}, trained at {iso(of.facts.made_at_ns)}"
    return Node(f"model:{titled(of)}", "model", says, digest=of.payload.sha256)


def unstored(name: str, version: int, device: str) -> Node:
    """A model that lies in no registry: it learns by itself, or it is gone."""
    learns = f"learns from {device or 'its own rows'} by itself: its data are the rows before these"
    says = f"{name}@{version} is not in the registry" + (f"; it {learns}" if name == "online" else "")
    return Node(f"model:{name}@{version}", "model", says, device)


def recipe(of: Manifest) -> Node:
    """The recipe of a version."""
    digest = recipe_digest(of.recipe)
    return Node(f"recipe:{digest}", "recipe", f"recipe {recipe_name(of)}, seed {of.seed}", digest=digest)


def data(of: Manifest) -> Node:
    """All data of a training."""
    found = of.facts.data
    count = f"{found.rows} rows of {len(found.sources)} source{'' if len(found.sources) == 1 else 's'}"
    says = f"training data of {titled(of)}: {count}" + (f", label column {found.label}" if found.label else "")
    return Node(f"data:{found.sha256}", "data", says, rows=found.rows, digest=found.sha256)


def source(of: Source) -> Node:
    """One file or stretch that a model was trained on."""
    kind = "device" if of.device else "runs" if of.procedure else "file"
    span = "" if of.from_ns is None or of.to_ns is None else f" from {iso(of.from_ns)} to {iso(of.to_ns)}"
    name = of.device or of.procedure or of.name
    id_ = f"{kind}:{name}"
    return Node(id_, kind, f"{of.rows} rows of {name}{span}", of.device, of.from_ns, of.to_ns, of.rows, of.sha256)


def moved(of: Moved) -> Node:
    """A file that was written from the store or read into it."""
    says = f"{of.file} was {of.way} at {iso(of.at_ns)}: {of.rows} rows"
    return Node(f"file:{of.file}", "file", says, of.device, of.from_ns, of.to_ns, of.rows, of.sha256)


def origin(of: Moved) -> Node:
    """What a file was written from, or read into."""
    kind, name = ("device", of.device) if of.device else ("runs", of.procedure)
    way = "was exported from" if of.way == "exported" else "was imported into"
    return Node(f"{kind}:{name}", kind, f"{of.file} {way} {name}", of.device, of.from_ns, of.to_ns, of.rows)


def device(of: Device) -> Node:
    """A device of the store."""
    count = "rows" if of.rows is None else f"{of.rows} rows"
    says = f"{count} of {of.device} of edge {of.edge} from {iso(of.first_ns)} to {iso(of.last_ns)}"
    return Node(f"device:{of.device}", "device", says, of.device, of.first_ns, of.last_ns, of.rows)


def procedure(name: str, runs: Sequence[Run]) -> Node:
    """The newest runs of a procedure."""
    first, last = min(run.started_ns for run in runs), max(run.changed_ns for run in runs)
    return Node(f"runs:{name}", "runs", f"{len(runs)} runs of {name}", "", first, last, len(runs))


def run(of: Run) -> Node:
    """A run."""
    said = f", stop advised after {of.would_stop_at}" if of.would_stop_at else ""
    says = f"run {of.run} of unit {of.unit}, {of.procedure} on {of.station}: {of.state}{said}"
    return Node(f"run:{of.edge}/{of.run}", "run", says, "", of.started_ns, of.ended_ns or of.changed_ns)


def run_rows(of: Run) -> Node:
    """What was measured in a run."""
    until = of.ended_ns or of.changed_ns
    says = f"{len(of.steps)} steps on {of.station} from {iso(of.started_ns)} to {iso(until)}"
    return Node(f"rows:{of.edge}/{of.run}", "rows", says, "", of.started_ns, until, len(of.steps))


def label(of: Label) -> Node:
    """A label with its author."""
    gone = f", withdrawn by {of.withdrawn_by}" if of.withdrawn_by else ""
    says = f"{of.meaning}, says {of.who} at {iso(of.at_ns)}{gone}" + (f": {of.comment}" if of.comment else "")
    return Node(f"label:{of.id}", "label", says, of.device, of.from_ns, of.to_ns)


def labelled(of: Label) -> Node:
    """The rows or the run that a label is tied to."""
    what = f"run {of.run}" if of.run else f"rows of {of.device}"
    says = f"{what} from {iso(of.from_ns)} to {iso(of.to_ns)}"
    return Node(f"rows:{of.run or of.device}/{of.from_ns}", "rows", says, of.device, of.from_ns, of.to_ns)


def lost_label(name: str) -> Node:
    """A label that went into a training and is in the store no more."""
    return Node(f"label:{name}", "label", "is not in the store any more, or lies beyond those that were searched")
