"""From one thing to what it was made from and to what was made from it: rows, models, data, labels, alarms, runs."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from models.catalogue import nodes
from models.catalogue.entries import Lineage, Moved, Node
from models.catalogue.ground import Ground, Stored
from models.catalogue.links import source_id
from models.catalogue.sets import titled
from models.registry.manifest import Manifest, Source
from wire.messages import Alarm, Label, Run

MOST = 50_000  # alarms, runs and labels that are searched, the newest
SHOWN = 1000  # of a kind that are told of
_Found = TypeVar("_Found", Alarm, Run, Label)
SHORTEST = 6  # letters of an id or digest that may stand for it


class UnknownThingError(Exception):
    """Nothing is known by that name; the message says what may be asked of."""


class Tracer:
    """Follows what was made from what, over what is stored just now."""

    def __init__(self, ground: Ground, stored: Stored) -> None:
        """Nothing is asked yet."""
        self._reader = ground.reader
        self._stored = stored
        self._moved = list(ground.moved())
        self._names = {each.sha256: each.file for each in reversed(self._moved)}
        self._notes = list(stored.notes)

    def trace(self, of: str) -> Lineage:
        """An alarm's id, MODEL@VERSION, a device, a procedure, a run, a label's id, or a file by name or digest."""
        kind, _, rest = of.partition(":")
        asked = _KINDS.get(kind) if rest else None
        ways = [asked] if asked else list(_KINDS.values())
        name = rest if asked else of
        for way in ways:
            found = way(self, name)
            if found is not None:
                return found
        msg = (
            f"nothing here is called {of!r}: ask for an alarm's id, MODEL@VERSION, a device, a procedure, a run, "
            "a label's id, or a file by its name or digest (`tocsin data catalogue` lists what there is)"
        )
        raise UnknownThingError(msg)

    def _told(self, of: Node, made_from: Iterable[Node], made: Iterable[Node]) -> Lineage:
        before, after = list(dict.fromkeys(made_from)), list(dict.fromkeys(made))
        return Lineage(of, tuple(self._cut(before)), tuple(self._cut(after)), tuple(self._notes))

    def _cut(self, found: list[Node]) -> Iterator[Node]:
        counts: dict[str, int] = {}
        for node in found:
            counts[node.kind] = counts.get(node.kind, 0) + 1
            if counts[node.kind] <= SHOWN:
                yield node
        self._notes += [f"{n} of kind {kind}, of which {SHOWN} are told of" for kind, n in counts.items() if n > SHOWN]

    def alarm(self, name: str) -> Lineage | None:
        """From an alarm: its rows, what judged them, and all that went into that."""
        states = self._reader.history(name)
        if not states and len(name) >= SHORTEST:
            fits = [alarm for alarm in self._alarms() if alarm.id.startswith(name)]
            states = fits if len(fits) == 1 else []
        if not states:
            return None
        alarm = states[-1]
        judged = self._before_model(alarm.model, alarm.model_version, alarm.device) if alarm.model else ()
        rule = [] if alarm.model else [nodes.rule(alarm)]
        labels = [label for label in self._labels() if label.alarm == alarm.id]
        return self._told(
            nodes.alarm(alarm), [nodes.rows(alarm), *rule, *judged], [*map(nodes.label, labels), *self._taught(labels)]
        )

    def model(self, name: str) -> Lineage | None:
        """From a version of a model, by number, alias or, its champion, by name alone."""
        plain, _, version = name.partition("@")
        aliases = self._stored.aliases.get(plain, {})
        number = int(version) if version.isdecimal() else aliases.get(version or "champion", 0)
        manifest = self._stored.of(plain, number)
        if manifest is None:
            return None
        return self._told(nodes.model(manifest), self._before_data(manifest), self._after_models([manifest]))

    def device(self, name: str) -> Lineage | None:
        """From a device: what was read into it, and every model, alarm and label that its rows are in."""
        device = next((each for each in self._reader.devices() if each.device == name), None)
        if device is None:
            return None
        files = [each for each in self._moved if each.device == name and each.way == "exported"]
        before = [nodes.moved(each) for each in self._moved if each.device == name and each.way == "imported"]
        models = [each for each in self._stored.manifests if self._is_of(each, device=name, files=files)]
        rang = [nodes.alarm(alarm) for alarm in self._alarms() if alarm.device == name]
        labels = [nodes.label(label) for label in self._labels() if label.device == name]
        after = [*map(nodes.moved, files), *self._after_models(models), *rang, *labels]
        return self._told(nodes.device(device), before, after)

    def procedure(self, name: str) -> Lineage | None:
        """From the runs of a procedure."""
        runs = self._reader.runs(procedure=name, limit=SHOWN, rows=False)
        if not runs:
            return None
        files = [each for each in self._moved if each.procedure == name and each.way == "exported"]
        models = [each for each in self._stored.manifests if self._is_of(each, procedure=name, files=files)]
        after = [*map(nodes.moved, files), *self._after_models(models)]
        return self._told(nodes.procedure(name, runs), map(nodes.run, runs), after)

    def run(self, name: str) -> Lineage | None:
        """From a run: what advised on it, its label, and the models that learnt from its procedure since."""
        edge, _, rest = name.partition("/")
        run = (self._reader.run(edge, rest) if rest else None) or self._reader.run("", name)
        if run is None:
            return None
        before = self._before_model(run.model, run.model_version) if run.model else ()
        labels = [label for label in self._labels() if label.run == run.run and label.edge == run.edge]
        learnt = [*self._taught(labels), *self._learnt(run)]
        return self._told(nodes.run(run), [nodes.run_rows(run), *before], [*map(nodes.label, labels), *learnt])

    def label(self, name: str) -> Lineage | None:
        """From a label: what it judges, and the models that it went into."""
        labels = self._labels()
        found = [each for each in labels if each.id == name] or [
            each for each in labels if len(name) >= SHORTEST and each.id.startswith(name)
        ]
        if len(found) != 1:
            return None
        (label,) = found
        judged = self._reader.history(label.alarm) if label.alarm else []
        before = [nodes.labelled(label), *map(nodes.alarm, judged[-1:])]
        return self._told(nodes.label(label), before, self._taught([label]))

    def file(self, name: str) -> Lineage | None:
        """From a file, by its name, its path or the beginning of its digest: also of all data of a training."""
        moved = [each for each in self._moved if _is_file(each.file, each.sha256, name)]
        mine = [
            (manifest, source)
            for manifest in self._stored.manifests
            for source in manifest.facts.data.sources
            if _is_file(source.name, source.sha256, name) or any(source.sha256 == each.sha256 for each in moved)
        ]
        whole = [each for each in self._stored.manifests if _begins(each.facts.data.sha256, name)]
        if not (moved or mine or whole):
            return None
        models = list(dict.fromkeys([titled(manifest) for manifest, _ in mine] + [titled(each) for each in whole]))
        made = [each for each in self._stored.manifests if titled(each) in models]
        node = nodes.moved(moved[0]) if moved else nodes.source(mine[0][1]) if mine else nodes.data(whole[0])
        before = [nodes.origin(each) for each in moved if each.way == "exported"]
        before += [nodes.source(source) for each in whole[:1] for source in each.facts.data.sources]
        into = [nodes.origin(each) for each in moved if each.way == "imported"]
        return self._told(node, before, [*into, *self._after_models(made)])

    def _before_model(self, name: str, version: int, device: str = "") -> Iterator[Node]:
        manifest = self._stored.of(name, version)
        if manifest is None:
            yield nodes.unstored(name, version, device)
            return
        yield nodes.model(manifest)
        yield from self._before_data(manifest)

    def _before_data(self, manifest: Manifest) -> Iterator[Node]:
        data = manifest.facts.data
        yield nodes.recipe(manifest)
        yield nodes.data(manifest)
        for source in data.sources:
            yield nodes.source(source)
            yield from (nodes.origin(each) for each in self._moved if self._wrote(each, source))
        known = {label.id: label for label in self._labels()} if data.labels else {}
        for id_ in data.labels:
            yield nodes.label(known[id_]) if id_ in known else nodes.lost_label(id_)

    def _wrote(self, moved: Moved, source: Source) -> bool:
        return moved.way == "exported" and moved.sha256 == source.sha256

    def _after_models(self, made: list[Manifest]) -> Iterator[Node]:
        names = {titled(manifest) for manifest in made}
        yield from map(nodes.model, made)
        for alarm in self._alarms() if names else ():
            if f"{alarm.model}@{alarm.model_version}" in names:
                yield nodes.alarm(alarm)
        for run in self._runs() if names else ():
            if f"{run.model}@{run.model_version}" in names:
                yield nodes.run(run)

    def _is_of(self, manifest: Manifest, *, device: str = "", procedure: str = "", files: Iterable[Moved] = ()) -> bool:
        digests = {each.sha256 for each in files}
        ids = {f"device:{device}" if device else f"runs:{procedure}"}
        sources = manifest.facts.data.sources
        return any(source.sha256 in digests or source_id(source, self._names) in ids for source in sources)

    def _taught(self, labels: Iterable[Label]) -> Iterator[Node]:
        """The models that labels went into."""
        ids = {label.id for label in labels}
        yield from (nodes.model(each) for each in self._stored.manifests if ids & set(each.facts.data.labels))

    def _learnt(self, run: Run) -> Iterator[Node]:
        files = {each.sha256: each for each in self._moved if each.procedure == run.procedure}
        for manifest in self._stored.manifests:
            for source in manifest.facts.data.sources:
                of = source.procedure == run.procedure or source.sha256 in files
                inside = source.from_ns is not None and source.to_ns is not None
                if of and inside and (source.from_ns or 0) <= run.started_ns <= (source.to_ns or 0):
                    yield nodes.model(manifest)

    def _alarms(self) -> list[Alarm]:
        return self._all("alarms", self._reader.alarms(limit=MOST))

    def _runs(self) -> list[Run]:
        return self._all("runs", self._reader.runs(limit=MOST, rows=False))

    def _labels(self) -> list[Label]:
        return self._all("labels", self._reader.labels(withdrawn=True, limit=MOST))

    def _all(self, what: str, found: list[_Found]) -> list[_Found]:
        note = f"only the newest {MOST} {what} were searched"
        if len(found) >= MOST and note not in self._notes:
            self._notes.append(note)
        return found


def _is_file(path: str, digest: str, name: str) -> bool:
    return name == path or name == path.rpartition("/")[2] or _begins(digest, name)


def _begins(digest: str, name: str) -> bool:
    return bool(digest) and len(name) >= SHORTEST and digest.startswith(name.lower())


# In the order in which a plain name is looked for; "KIND:NAME" says which is meant.
_KINDS = {
    "alarm": Tracer.alarm,
    "model": Tracer.model,
    "device": Tracer.device,
    "runs": Tracer.procedure,
    "run": Tracer.run,
    "file": Tracer.file,
    "data": Tracer.file,
    "label": Tracer.label,
}
