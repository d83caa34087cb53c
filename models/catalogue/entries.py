"""What a catalogue says, as structs: data sets, channels, features, models, labels, and what was made from what."""

from collections.abc import Mapping

import msgspec


class Stretch(msgspec.Struct, frozen=True):
    """A time in which something was so; `channel` "" is all of the device."""

    channel: str
    from_ns: int
    to_ns: int


class Quality(msgspec.Struct, frozen=True):
    """How good rows are that were looked at; where there are many, by minimum and maximum of so many stretches."""

    from_ns: int
    to_ns: int
    rows: int  # looked at
    missing: Mapping[str, float]  # share of them in which a channel has no value
    stuck: tuple[Stretch, ...]  # a channel that otherwise moves repeats one value; the longest
    gaps: tuple[Stretch, ...]  # nothing came for ten times as long as usual; the longest
    lost: int = 0  # gaps that an edge or the store told of, at any time

    @property
    def missing_share(self) -> float:
        """Of all cells."""
        return sum(self.missing.values()) / len(self.missing) if self.missing else 0.0


class DataSet(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rows that lie together: of a device, of a procedure's runs, in an archive, in a file that went in or out."""

    id: str  # "device:pump-1", "runs:EOL", "archive:PATH", "file:may.csv"
    kind: str
    name: str
    owner: str = ""
    source: str = ""  # where the rows come from
    from_ns: int | None = None
    to_ns: int | None = None
    rows: int | None = None  # None: nobody counts them
    digest: str = ""
    digest_of: str = ""  # what the digest is of
    columns: int = 0
    quality: Quality | None = None
    says: str = ""


class ChannelEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A channel of a device, as the configuration and its rows know it."""

    device: str
    name: str
    uom: str = ""
    owner: str = ""
    low: float | None = None  # physically possible
    high: float | None = None
    limits: Mapping[str, float] = {}
    missing: float | None = None  # share of rows; None: not looked at
    stuck: int = 0  # stretches


class Feature(msgspec.Struct, frozen=True):
    """What a model makes of each of its channels."""

    model: str  # "pump@2"
    kind: str
    settings: Mapping[str, object]
    channels: int


class ModelEntry(msgspec.Struct, frozen=True):
    """A version of a model, and what it was made from."""

    id: str  # "model:pump@2"
    name: str
    version: int
    task: str
    aliases: tuple[str, ...]
    owner: str
    made_ns: int
    recipe: str
    recipe_digest: str
    data_digest: str
    rows: int
    channels: tuple[str, ...]
    labels: int  # of the store that went in


class LabelCount(msgspec.Struct, frozen=True):
    """How many labels of one meaning a person or a test gave."""

    meaning: str
    author: str
    count: int
    withdrawn: int = 0


class Link(msgspec.Struct, frozen=True):
    """`made` was made from `source`; both are ids."""

    source: str
    made: str
    how: str  # "exported", "imported", "trained on", "labelled", "fitted", "rang", "advised"


class Moved(msgspec.Struct, frozen=True):
    """A file that was written from the store, or read into it."""

    way: str  # "exported" or "imported"
    file: str
    sha256: str
    rows: int
    at_ns: int
    device: str = ""
    procedure: str = ""
    from_ns: int | None = None
    to_ns: int | None = None


class Catalogue(msgspec.Struct, frozen=True):
    """Everything that is known of the data of a site at one time; `notes` say what was left out."""

    site: str
    at_ns: int
    sets: tuple[DataSet, ...]
    channels: tuple[ChannelEntry, ...]
    features: tuple[Feature, ...]
    models: tuple[ModelEntry, ...]
    labels: tuple[LabelCount, ...]
    links: tuple[Link, ...]
    notes: tuple[str, ...] = ()


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing in a lineage: rows, a device, a model, a recipe, training data, a file, a label, an alarm, a run."""

    id: str
    kind: str
    says: str  # one sentence
    device: str = ""
    from_ns: int | None = None
    to_ns: int | None = None
    rows: int | None = None
    digest: str = ""


class Lineage(msgspec.Struct, frozen=True):
    """What one thing was made from, nearest first, and what was made from it."""

    of: Node
    made_from: tuple[Node, ...]
    made: tuple[Node, ...]
    notes: tuple[str, ...] = ()
