"""What is known of a stored model, as JSON beside it; reading it loads no estimator."""

import re
from collections.abc import Mapping

import msgspec

from models.contract import Task
from models.recipe import Recipe
from models.registry.errors import ModelDamagedError, RegistryError

FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,49}")


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file or a stretch of the store that a model was trained on."""

    name: str
    sha256: str
    rows: int
    from_ns: int | None = None  # None: its rows carry a count, not a time
    to_ns: int | None = None
    made_from: tuple[str, ...] = ()  # digests or names of what it was derived from
    device: str = ""  # whose rows of the store these are
    procedure: str = ""  # whose runs of the store these are, a wide row a run


class Data(msgspec.Struct, frozen=True, kw_only=True):
    """All rows of a training."""

    sha256: str = ""  # of the digests of its sources, in order
    rows: int = 0
    sources: tuple[Source, ...] = ()
    label: str = ""  # the column that was learnt from
    counts: Mapping[str, int] = {}  # rows, or units, by what that column says
    labels: tuple[str, ...] = ()  # ids of the labels of the store that went in


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a training knows that its recipe does not tell."""

    made_at_ns: int  # UTC
    data: Data = Data()
    metrics: Mapping[str, float | None] = {}  # None: could not be computed
    warnings: tuple[str, ...] = ()
    owner: str = ""
    recipe: str = ""  # what it is called: a shipped one, or its file
    code: Mapping[str, str] = {}  # what computed it -> its version; empty: this very one


class Digest(msgspec.Struct, frozen=True):
    """What a file must be."""

    sha256: str
    size: int  # bytes


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """See the module. What a model is, but for the numbers it learnt, follows from it."""

    name: str
    version: int
    task: Task
    recipe: Recipe
    channels: tuple[str, ...]
    facts: Facts
    payload: Digest
    files: Mapping[str, Digest] = {}  # card and plots
    classes: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = {}
    format: int = FORMAT

    @property
    def seed(self) -> int:
        """What chance started from."""
        return self.recipe.seed


class _Version(msgspec.Struct):
    format: int


_reader = msgspec.json.Decoder(Manifest)
_version = msgspec.json.Decoder(_Version)


def encoded(manifest: Manifest) -> bytes:
    """As it stands on disk, one value a line; raises RegistryError for one that could not be read back."""
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    try:
        _reader.decode(content)
    except msgspec.ValidationError as error:
        msg = f"{manifest.name}: its manifest could not be read back: {error}"
        raise RegistryError(msg) from error
    return content


def decoded(content: bytes, where: str) -> Manifest:
    """The manifest that a file spells out; raises ModelDamagedError."""
    try:
        found = _version.decode(content).format
        if found != FORMAT:
            msg = f"{where}: a manifest of format {found}, this Tocsin reads format {FORMAT}: train anew, or update"
            raise ModelDamagedError(msg)
        return _reader.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        msg = f"{where}: not a manifest: {error}"
        raise ModelDamagedError(msg) from error


def checked_name(name: str) -> str:
    """The name, if a folder may be called so everywhere; raises RegistryError."""
    if not is_name(name):
        msg = f"no name for a model: {name!r}; expected letters, digits, '.', '_' and '-', not '.' first"
        raise RegistryError(msg)
    return name


def is_name(text: str) -> bool:
    """Whether a model may be called so."""
    return _NAME.fullmatch(text) is not None


def checked_file(name: str) -> str:
    """The name of a card or a plot, if it stays inside its folder; raises RegistryError."""
    if not is_name(name):
        msg = f"no name for a file of a model: {name!r}"
        raise RegistryError(msg)
    return name


def checked_alias(alias: str) -> str:
    """The alias, if it can be told from a version; raises RegistryError."""
    if not _ALIAS.fullmatch(alias):
        msg = f"no alias: {alias!r}; expected lower-case letters, digits, '_' and '-', a letter first"
        raise RegistryError(msg)
    return alias
