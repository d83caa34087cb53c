"""A catalogue and a lineage as text for a terminal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from models.catalogue.entries import (
    Catalogue,
    ChannelEntry,
    DataSet,
    Feature,
    LabelCount,
    Lineage,
    Link,
    ModelEntry,
    Node,
)
from models.catalogue.nodes import iso
from tocsin.commands.model_tables import columns

SHOWN = 200  # rows of a table; --json gives all
_SETS = ("id", "owner", "source", "from", "to", "rows", "digest", "quality")
_CHANNELS = ("device", "channel", "uom", "limits", "owner", "missing", "stuck")
_MODELS = ("model", "task", "is", "owner", "recipe", "its digest", "data", "rows", "labels")


def shown(found: Catalogue) -> str:
    """All of a catalogue, a table a kind."""
    parts = [
        _table("data sets", _SETS, map(_set, found.sets)),
        _table("channels", _CHANNELS, map(_channel, found.channels)),
        _table("models", _MODELS, map(_model, found.models)),
        _table("features", ("model", "kind", "with", "channels"), map(_feature, found.features)),
        _table("labels", ("meaning", "author", "count", "withdrawn"), map(_count, found.labels)),
        _table("made from what", ("from", "", "made"), map(_link, found.links)),
    ]
    notes = [f"note: {note}" for note in found.notes]
    return "\n\n".join([*filter(None, parts), *notes]) or "nothing is stored yet"


def traced(found: Lineage) -> str:
    """What a thing was made from, and what was made from it."""
    parts = [f"{found.of.id}\n  {found.of.says}"]
    for title, nodes in (("made from", found.made_from), ("made from it", found.made)):
        told = [f"  {line}" for node in nodes[:SHOWN] for line in _node(node)]
        more = [f"  ... and {len(nodes) - SHOWN} more: --json"] * (len(nodes) > SHOWN)
        parts.append("\n".join([title + ("" if nodes else ": nothing"), *told, *more]))
    return "\n".join([*parts, *(f"note: {note}" for note in found.notes)])


def short(name: str) -> str:
    """An id whose digest is cut to what tells it from others.

    >>> short("data:" + 64 * "a"), short("device:pump-1")
    ('data:aaaaaaaaaaaa', 'device:pump-1')
    """
    kind, _, rest = name.partition(":")
    return f"{kind}:{rest[:12]}" if kind in {"data", "recipe"} else name


def _set(of: DataSet) -> tuple[str, ...]:
    told = []
    if of.quality:
        told.append(f"{of.quality.missing_share:.2%} missing")
        told += [f"{len(of.quality.stuck)} stuck"] * bool(of.quality.stuck)
        told += [f"{len(of.quality.gaps)} gaps"] * bool(of.quality.gaps)
        told += [f"{of.quality.lost} losses"] * bool(of.quality.lost)
    told += [of.says] * bool(of.says)
    rows = "" if of.rows is None else str(of.rows)
    return of.id, of.owner, of.source, _time(of.from_ns), _time(of.to_ns), rows, of.digest[:12], ", ".join(told)


def _time(t_ns: int | None) -> str:
    return "" if t_ns is None else iso(t_ns)


def _channel(of: ChannelEntry) -> tuple[str, ...]:
    missing = "" if of.missing is None else f"{of.missing:.2%}"
    return of.device, of.name, of.uom, _limits(of.limits), of.owner, missing, str(of.stuck or "")


def _limits(levels: Mapping[str, float]) -> str:
    return " ".join(f"{level} {limit:g}" for level, limit in levels.items())


def _model(of: ModelEntry) -> tuple[str, ...]:
    digests = (of.recipe_digest[:12], of.data_digest[:12])
    aliases = ", ".join(of.aliases)
    named = (f"{of.name}@{of.version}", of.task, aliases, of.owner, of.recipe)
    return *named, *digests, str(of.rows), str(of.labels or "")


def _feature(of: Feature) -> tuple[str, ...]:
    settings = ", ".join(f"{key} = {value}" for key, value in of.settings.items())
    return of.model, of.kind, settings, str(of.channels)


def _count(of: LabelCount) -> tuple[str, ...]:
    return of.meaning, of.author, str(of.count), str(of.withdrawn or "")


def _link(of: Link) -> tuple[str, ...]:
    return short(of.source), f"{of.how} ->", short(of.made)


def _table(title: str, head: Sequence[str], rows: Iterable[tuple[str, ...]]) -> str:
    lines = list(rows)
    if not lines:
        return ""
    more = f"\n... and {len(lines) - SHOWN} more: --json" if len(lines) > SHOWN else ""
    return f"{title.upper()}\n{columns([tuple(head), *lines[:SHOWN]])}{more}"


def _node(of: Node) -> Iterator[str]:
    yield f"{of.kind:8}{of.says}" + (f"  [{of.digest[:16]}]" if of.digest else "")
