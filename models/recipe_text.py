"""A recipe as the TOML text that a person would write: what differs from the defaults, and nothing else."""

import json
import math
import re
from collections.abc import Mapping

import msgspec

from models.recipe import Recipe

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def text(recipe: Recipe) -> str:
    """The text, which reads back as the same recipe.

    >>> from models.contract import Task
    >>> print(text(Recipe(task=Task.ANOMALY, seed=3, estimator={"kind": "mahalanobis"})), end="")
    task = "anomaly"
    seed = 3
    <BLANKLINE>
    [estimator]
    kind = "mahalanobis"
    """
    said = _differing(recipe)
    plain = {key: value for key, value in said.items() if not _is_table(value)}
    out = "".join(f"{_key(key)} = {_value(value)}\n" for key, value in plain.items())
    for name, table in said.items():
        if isinstance(table, Mapping):
            out += f"\n[{_key(name)}]\n" + _lines(table)
        elif _is_table(table) and isinstance(table, list | tuple):
            out += "".join(f"\n[[{_key(name)}]]\n" + _lines(each) for each in table)
    return out


def _differing(struct: msgspec.Struct) -> dict[str, object]:
    """The fields that are not as they are by themselves; needed ones always."""
    out: dict[str, object] = {}
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if not field.required and value == _default(field):
            continue
        inner = _differing(value) if isinstance(value, msgspec.Struct) else msgspec.to_builtins(value)
        if inner is not None:
            out[field.encode_name] = inner
    return out


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _is_table(value: object) -> bool:
    tables = isinstance(value, list | tuple) and bool(value) and all(isinstance(each, Mapping) for each in value)
    return isinstance(value, Mapping) or tables


def _lines(table: Mapping[str, object]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items() if value is not None)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items() if each is not None)
        return f"{{ {inside} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
