"""What a recipe may name by `kind`, with the keys of each and what they are by themselves."""

import inspect
import json
from collections.abc import Mapping
from importlib import import_module
from types import UnionType
from typing import get_args

import msgspec

from models import estimators
from models.contract import Task
from models.features import normalise, table
from models.streams.novelty import Habits


class Kind(msgspec.Struct, frozen=True):
    """One that a recipe may name."""

    part: str  # "normalise", "features", or "estimator" and the task it is for
    kind: str
    keys: Mapping[str, str]  # by name: the default as a recipe would say it, or "needed"
    says: str


def kinds() -> list[Kind]:
    """All of them, in the order in which a row meets them."""
    found = [*_of_union("normalise", normalise.Known), *_of_union("features", table.Known)]
    for task, known in estimators.TABLE.items():
        for kind, path in known.items():
            module, _, name = path.rpartition(".")
            found.append(_kind(f"estimator, {task.value}", kind, getattr(import_module(module), name)))
    part = f"estimator, {Task.ONLINE.value}"
    return [*found, Kind(part, "selflearning", {}, _SELFLEARNING), _kind(part, "stream", Habits)]


_SELFLEARNING = "Watches the channels of a device together from its first minutes; nothing to set."


def _of_union(part: str, union: UnionType) -> list[Kind]:
    return [_kind(part, _tag(member), member) for member in get_args(union)]


def _tag(struct: type[msgspec.Struct]) -> str:
    return str(struct.__struct_config__.tag)


def _kind(part: str, kind: str, struct: type[msgspec.Struct]) -> Kind:
    keys = {field.encode_name: _default(field) for field in msgspec.structs.fields(struct)}
    own = (inspect.getdoc(struct) or "").partition("\n\n")[0].replace("\n", " ")
    # Where the keys are all that a class says of itself, its module says what it is.
    module = (inspect.getdoc(inspect.getmodule(struct)) or "").partition("\n\n")[0].replace("\n", " ")
    return Kind(part, kind, keys, module if "hyper-parameters" in own.lower() else own)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "needed"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
