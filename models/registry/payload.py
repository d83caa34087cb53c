"""The numbers that a model learnt, as one skops file; nothing is built before its types are known. Never pickle."""

import importlib.util
import io
import zipfile
from collections.abc import Sequence
from dataclasses import is_dataclass
from importlib import import_module
from typing import cast

import skops.io
from skops.io.exceptions import UnsupportedTypeException

from models.features.normalise import Normaliser
from models.head import Head
from models.registry.errors import ModelDamagedError, ModelRefusedError

MOST_BYTES = 128 * 2**20
MOST_UNPACKED = 512 * 2**20
MOST_PARTS = 100_000
OURS = "models."
TYPES = frozenset(  # beside those that skops itself trusts: scikit-learn's estimators, arrays, plain values
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.tree._tree.Tree",
    }
)


def packed(normaliser: Normaliser, head: Head, *, allow: Sequence[str] = ()) -> bytes:
    """The file's content; raises ModelRefusedError for what could not be loaded again."""
    where = "this model cannot be stored"
    try:
        content = skops.io.dumps({"normaliser": normaliser, "head": head}, compression=zipfile.ZIP_DEFLATED)
    except (UnsupportedTypeException, TypeError, RecursionError) as error:
        msg = f"{where}: {error}"
        raise ModelRefusedError(msg) from error
    _trusted(content, where, allow)
    return cast("bytes", content)


def unpacked(content: bytes, where: str, *, allow: Sequence[str] = ()) -> tuple[Normaliser, Head]:
    """What a file holds; raises ModelRefusedError before anything of it is built, ModelDamagedError."""
    trusted = _trusted(content, where, allow)
    try:
        found = skops.io.loads(content, trusted=trusted)
        normaliser, head = found["normaliser"], found["head"]
    except Exception as error:  # a file may be wrong in more ways than skops names
        msg = f"{where}: not a model's numbers: {error!r}"
        raise ModelDamagedError(msg) from error
    for part, verbs in ((normaliser, ("apply",)), (head, ("look", "settle", "blame"))):
        if not all(callable(getattr(type(part), verb, None)) for verb in verbs):
            msg = f"{where}: {type(part).__qualname__} cannot {' and '.join(verbs)}"
            raise ModelRefusedError(msg)
    return cast("Normaliser", normaliser), cast("Head", head)


def _trusted(content: bytes, where: str, allow: Sequence[str]) -> list[str]:
    """All names that the file asks for beyond those that skops trusts, if each is allowed."""
    _small(content, where)
    try:
        named = skops.io.get_untrusted_types(data=content)
    except Exception as error:
        msg = f"{where}: not a skops file: {error!r}"
        raise ModelDamagedError(msg) from error
    strangers = [name for name in named if name not in TYPES and name not in allow and not _is_ours(name)]
    if strangers and set(strangers) - {_where_it_stands(name) for name in allow}:
        msg = (
            f"{where}: names {', '.join(strangers)}, which no model of ours consists of;"
            " allow them by name only if you know who made the file"
        )
        raise ModelRefusedError(msg)
    return list(named)


def _small(content: bytes, where: str) -> None:
    """What unpacks to more than any model has is never unpacked; zipfile gives no more than a part's stated size."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            parts = file.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        msg = f"{where}: not a skops file: {error}"
        raise ModelDamagedError(msg) from error
    size = sum(part.file_size for part in parts)
    if len(content) > MOST_BYTES or size > MOST_UNPACKED or len(parts) > MOST_PARTS:
        msg = (
            f"{where}: {len(content)} bytes, {size} unpacked, in {len(parts)} parts; at most {MOST_BYTES},"
            f" {MOST_UNPACKED} and {MOST_PARTS} are taken"
        )
        raise ModelRefusedError(msg)


def _where_it_stands(name: str) -> str:
    """A class that is allowed as `library.Class` is called `library._module.Class` in files."""
    module, _, kind = name.rpartition(".")
    try:
        found = getattr(import_module(module), kind, None)
    except (ImportError, ValueError):
        return name
    return f"{found.__module__}.{found.__qualname__}" if isinstance(found, type) else name


def _is_ours(name: str) -> bool:
    """Whether it is a dataclass of this room: those hold values and do nothing when they are made."""
    module, _, kind = name.rpartition(".")
    if not name.startswith(OURS) or not all(part.isidentifier() for part in name.split(".")):
        return False
    try:
        if importlib.util.find_spec(module) is None:
            return False
    except (ImportError, ValueError):
        return False
    found = getattr(import_module(module), kind, None)
    return isinstance(found, type) and is_dataclass(found) and found.__module__ == module
