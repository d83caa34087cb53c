"""Devices, runs, files and models as entries of a catalogue; asks nobody."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from models.catalogue.entries import ChannelEntry, DataSet, Feature, LabelCount, ModelEntry, Moved, Quality
from models.recipe import Recipe
from models.registry.manifest import Manifest, Source
from store.port import Device
from wire.config import DeviceRule, Procedure, channel
from wire.messages import Label, Run

COUNTED = "its name, channels, first and newest time and count of rows, not their values"
CONTENT = "the file's content"


def device_set(device: Device, rule: DeviceRule, quality: Quality | None) -> DataSet:
    """The rows of a device that the store holds."""
    facts = [device.edge, device.device, list(device.channels), device.first_ns, device.last_ns, device.rows]
    return DataSet(
        id=f"device:{device.device}",
        kind="device",
        name=device.device,
        owner=rule.owner or "",
        source=f"edge {device.edge}",
        from_ns=device.first_ns,
        to_ns=device.last_ns,
        rows=device.rows,
        digest=hashlib.sha256(msgspec.json.encode(facts)).hexdigest(),
        digest_of=COUNTED,
        columns=len(device.channels),
        quality=quality,
    )


def channels_of(device: Device, rule: DeviceRule, quality: Quality | None) -> list[ChannelEntry]:
    """The channels of a device, with what the configuration says of them."""
    return [_channel(device.device, name, rule, quality) for name in device.channels]


def _channel(device: str, name: str, rule: DeviceRule, quality: Quality | None) -> ChannelEntry:
    known = channel(rule, name)
    levels = {level: getattr(known.limits, level) for level in ("HH", "H", "L", "LL")} if known.limits else {}
    return ChannelEntry(
        device=device,
        name=name,
        uom=known.uom or "",
        owner=rule.owner or "",
        low=known.low,
        high=known.high,
        limits={level: limit for level, limit in levels.items() if limit is not None},
        missing=quality.missing.get(name) if quality else None,
        stuck=sum(each.channel == name for each in quality.stuck) if quality else 0,
    )


def run_sets(runs: Sequence[Run], rule_of: Mapping[str, Procedure]) -> list[DataSet]:
    """The runs of each procedure."""
    found = []
    for name in sorted({run.procedure for run in runs}):
        mine = [run for run in runs if run.procedure == name]
        states = Counter(run.state for run in mine)
        edges = sorted({run.edge for run in mine})
        keys = sorted((run.edge, run.run, run.change) for run in mine)
        found.append(
            DataSet(
                id=f"runs:{name}",
                kind="runs",
                name=name,
                owner=rule_of[name].owner or "" if name in rule_of else "",
                source=", ".join(f"edge {edge}" for edge in edges),
                from_ns=min(run.started_ns for run in mine),
                to_ns=max(run.changed_ns for run in mine),
                rows=len(mine),
                digest=hashlib.sha256(msgspec.json.encode(keys)).hexdigest(),
                digest_of="the names of its runs and how often each changed",
                says=", ".join(f"{count} {state}" for state, count in sorted(states.items())),
            )
        )
    return found


def file_sets(manifests: Iterable[Manifest], moved: Iterable[Moved]) -> list[DataSet]:
    """Files that models were trained on, or that were written from the store or read into it; each content once."""
    found: dict[str, DataSet] = {}
    for each in moved:
        of = f"device {each.device}" if each.device else f"runs of {each.procedure}"
        way = f"exported from {of}" if each.way == "exported" else f"imported into {of}"
        found.setdefault(each.sha256, _file(each.file, each.sha256, each.rows, each.from_ns, each.to_ns, way))
    for manifest in manifests:
        for source in manifest.facts.data.sources:
            if not stored(source):
                new = _file(source.name, source.sha256, source.rows, source.from_ns, source.to_ns, "")
                known = found.setdefault(source.sha256, new)
                owner = known.owner or manifest.facts.owner
                found[source.sha256] = msgspec.structs.replace(known, owner=owner)
    return sorted(found.values(), key=lambda each: each.name)


def stored(source: Source) -> bool:
    """Whether a model was trained on rows of the store, not on a file."""
    return bool(source.device or source.procedure)


def _file(name: str, digest: str, rows: int, from_ns: int | None, to_ns: int | None, source: str) -> DataSet:  # noqa: PLR0917 -- the fields of one row
    return DataSet(
        id=f"file:{name}",
        kind="file",
        name=name,
        source=source,
        from_ns=from_ns,
        to_ns=to_ns,
        rows=rows,
        digest=digest,
        digest_of=CONTENT,
    )


def model_entry(manifest: Manifest, aliases: Mapping[str, int]) -> ModelEntry:
    """A version of a model."""
    facts = manifest.facts
    return ModelEntry(
        id=f"model:{titled(manifest)}",
        name=manifest.name,
        version=manifest.version,
        task=manifest.task.value,
        aliases=tuple(sorted(alias for alias, version in aliases.items() if version == manifest.version)),
        owner=facts.owner,
        made_ns=facts.made_at_ns,
        recipe=recipe_name(manifest),
        recipe_digest=recipe_digest(manifest.recipe),
        data_digest=facts.data.sha256,
        rows=facts.data.rows,
        channels=manifest.channels,
        labels=len(facts.data.labels),
    )


def features_of(manifest: Manifest) -> list[Feature]:
    """What a model makes of its channels, by its recipe."""
    parts = [(str(part.get("kind", "")), part) for part in manifest.recipe.features]
    return [
        Feature(titled(manifest), kind, {k: v for k, v in part.items() if k != "kind"}, len(manifest.channels))
        for kind, part in parts
    ]


def titled(manifest: Manifest) -> str:
    """What a version is called."""
    return f"{manifest.name}@{manifest.version}"


def recipe_name(manifest: Manifest) -> str:
    """What its recipe is called; where the manifest does not tell, what it is for and by which kind."""
    return manifest.facts.recipe or f"{manifest.task.value}, kind {manifest.recipe.estimator.get('kind', 'unknown')}"


def recipe_digest(recipe: Recipe) -> str:
    """SHA-256 of what a recipe says, in an order of keys that does not change."""
    return hashlib.sha256(msgspec.json.encode(recipe, order="deterministic")).hexdigest()


def label_counts(labels: Iterable[Label]) -> list[LabelCount]:
    """Labels by meaning and author."""
    all_of, gone = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for label in labels:
        all_of[label.meaning, label.who] += 1
        gone[label.meaning, label.who] += bool(label.withdrawn_by)
    return [LabelCount(*key, count - gone[key], gone[key]) for key, count in sorted(all_of.items())]
