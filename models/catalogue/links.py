"""What was made from what, as links between ids; asks nobody."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from models.catalogue.entries import Link, Moved
from models.catalogue.sets import titled
from models.registry.manifest import Manifest, Source
from wire.messages import Alarm, Run


def links(
    manifests: Sequence[Manifest], moved: Iterable[Moved], alarms: Iterable[Alarm], runs: Iterable[Run]
) -> tuple[Link, ...]:
    """From raw file or device over training data and model version to alarm and run, each link once."""
    moves = list(moved)
    names = {each.sha256: each.file for each in reversed(moves)}  # a file of one content has one id, the newest's
    found = [*_of_moves(moves, names), *_of_models(manifests, names), *_of_alarms(alarms), *_of_runs(runs)]
    return tuple(dict.fromkeys(found))


def source_id(source: Source, names: Mapping[str, str]) -> str:
    """The id of what a model was trained on; `names` are files by their content."""
    if source.device:
        return f"device:{source.device}"
    if source.procedure:
        return f"runs:{source.procedure}"
    return f"file:{names.get(source.sha256, source.name)}"


def _of_moves(moved: Iterable[Moved], names: Mapping[str, str]) -> Iterator[Link]:
    for each in moved:
        inside = f"device:{each.device}" if each.device else f"runs:{each.procedure}"
        outside = f"file:{names[each.sha256]}"
        yield Link(inside, outside, "exported") if each.way == "exported" else Link(outside, inside, "imported")


def _of_models(manifests: Iterable[Manifest], names: Mapping[str, str]) -> Iterator[Link]:
    for manifest in manifests:
        data = manifest.facts.data
        if not data.sha256:
            continue
        for source in data.sources:
            yield Link(source_id(source, names), f"data:{data.sha256}", "trained on")
        for label in data.labels:
            yield Link(f"label:{label}", f"data:{data.sha256}", "labelled")
        yield Link(f"data:{data.sha256}", f"model:{titled(manifest)}", "fitted")


def _of_alarms(alarms: Iterable[Alarm]) -> Iterator[Link]:
    for alarm in alarms:
        if alarm.model:
            yield Link(f"model:{alarm.model}@{alarm.model_version}", f"alarm:{alarm.id}", "rang")
        if alarm.device not in {"", "*"}:
            yield Link(f"device:{alarm.device}", f"alarm:{alarm.id}", "rang")


def _of_runs(runs: Iterable[Run]) -> Iterator[Link]:
    for run in runs:
        yield Link(f"run:{run.edge}/{run.run}", f"runs:{run.procedure}", "ran")
        if run.model:
            yield Link(f"model:{run.model}@{run.model_version}", f"run:{run.edge}/{run.run}", "advised")
