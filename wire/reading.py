"""A plain table laid against the structs of the config: values with their units, and every problem at once."""

import difflib
import re
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import msgspec
from msgspec import inspect

from wire.lines import around, under
from wire.problem import Problem, shown
from wire.rules import RULES
from wire.scalars import nearest, scalar

_S = TypeVar("_S", bound=msgspec.Struct)
_SECRET = re.compile(r"passw|passphrase|secret|token|api_?key|credential", re.IGNORECASE)


class Wrong(msgspec.Struct, frozen=True):
    """Stands for a value that could not be read; its problem is recorded."""


WRONG = Wrong()


def read(table: dict[str, object], into: type[_S]) -> tuple[_S | None, list[Problem]]:
    """Build a struct from a table; None if something is wrong, then the list says all that is."""
    reader = _Reader()
    built = reader.value(table, _type_of(into), "")
    return (built if isinstance(built, into) and not reader.problems else None), reader.problems


@cache
def _type_of(struct: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(struct)


class _Reader:
    """Walks a table and its types together and remembers what is wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._touched: set[str] = set()  # keys with something wrong at or below them

    def wrong(self, key: str, what: str) -> Wrong:
        self.problems.append(Problem(key=key, what=what))
        self._touched.update(around(key))
        return WRONG

    def is_wrong(self, key: str) -> bool:
        """Whether something at or below a key is wrong."""
        return key in self._touched

    def value(  # noqa: PLR0911 -- one return a kind
        self, raw: object, kind: inspect.Type, key: str, unit: str = ""
    ) -> object:
        """The value that `raw` means as `kind`, or WRONG."""
        match kind:
            case inspect.Metadata(type=inner, extra=extra):
                return self.value(raw, inner, key, str((extra or {}).get("parse", "")))
            case inspect.StructType():
                return self.struct(raw, kind, key)
            case inspect.UnionType(types=types):
                return self.one_of(raw, types, key)
            case inspect.VarTupleType(item_type=item):
                return self.items(raw, item, key)
            case inspect.DictType(value_type=item):
                return self.entries(raw, item, key)
        try:
            return scalar(raw, kind, unit)
        except ValueError as error:
            return self.wrong(key, str(error))

    def struct(self, raw: object, kind: inspect.StructType, key: str) -> object:
        """A table whose keys are known."""
        if not isinstance(raw, dict):
            single = f": write [{key}] once" if isinstance(raw, list) and raw and isinstance(raw[0], dict) else ""
            return self.wrong(key, f"expected a table, got {shown(raw)}{single}")
        fields = {field.encode_name: field for field in kind.fields}
        for name in raw:
            if name not in fields and name != kind.tag_field:
                self.wrong(under(key, name), self._unknown(name, list(fields)))
        # A table that is left out is read as an empty one, so that its rules are asked.
        values = {
            field.name: self.value(raw.get(name, {}), field.type, under(key, name))
            for name, field in fields.items()
            if name in raw or isinstance(field.type, inspect.StructType)
        }
        missing = [name for name, field in fields.items() if field.required and name not in raw]
        for name in missing:
            self.wrong(under(key, name), "missing; this key is needed here")
        return self._built(kind, values, key, missing)

    def _built(self, kind: inspect.StructType, values: dict[str, object], key: str, missing: Sequence[str]) -> object:
        """A struct of what could be read, judged by the rules whose fields are all fine."""
        read = {name: value for name, value in values.items() if value is not WRONG}
        # A required field that is wrong is stood in for by empty text: rules that look at it are not asked.
        needed = {field.name: "" for field in kind.fields if field.required}
        built: msgspec.Struct = kind.cls(**(needed | read))
        names = {field.name: under(key, field.encode_name) for field in kind.fields}
        for rule in RULES.get(kind.cls, ()):
            if not any(self.is_wrong(names[name]) for name in rule.fields):
                for where, what in rule.judge(built):
                    self.wrong(f"{key}.{where}" if key else where, what)
        return WRONG if missing else built

    def _unknown(self, name: str, known: list[str]) -> str:
        if _SECRET.search(name):
            by_env = difflib.get_close_matches(f"{name}_env", [other for other in known if other.endswith("_env")], n=1)
            how = f" and name that variable here with {by_env[0]}" if by_env else ""
            return f"secrets do not belong in this file: put it into an environment variable{how}"
        return "unknown key" + (nearest(name, known) or f"; known here: {', '.join(sorted(known))}")

    def one_of(self, raw: object, types: Sequence[inspect.Type], key: str) -> object:
        """A tagged table, or a value that may be left out."""
        structs = {str(kind.tag): kind for kind in types if isinstance(kind, inspect.StructType) and kind.tag_field}
        if not structs:
            return self.value(raw, next(kind for kind in types if not isinstance(kind, inspect.NoneType)), key)
        if not isinstance(raw, dict):
            return self.wrong(key, f"expected a table, got {shown(raw)}")
        field = str(next(iter(structs.values())).tag_field)
        allowed = ", ".join(map(shown, structs))
        if field not in raw:
            return self.wrong(under(key, field), f"missing; expected one of {allowed}")
        tag = raw[field]
        if not isinstance(tag, str) or tag not in structs:
            what = f"expected one of {allowed}, got {shown(tag)}{nearest(tag, list(structs))}"
            return self.wrong(under(key, field), what)
        return self.struct(raw, structs[tag], key)

    def items(self, raw: object, item: inspect.Type, key: str) -> object:
        """A list."""
        if not isinstance(raw, list):
            tables = isinstance(raw, dict) and not isinstance(item, inspect.StrType)
            how = f": write [[{key}]] with double brackets" if tables else ""
            return self.wrong(key, f"expected a list, got {shown(raw)}{how}")
        values = [self.value(entry, item, f"{key}[{place}]") for place, entry in enumerate(raw)]
        return WRONG if WRONG in values else tuple(values)

    def entries(self, raw: object, item: inspect.Type, key: str) -> object:
        """A table whose keys are names."""
        if not isinstance(raw, dict):
            return self.wrong(key, f"expected a table of names, got {shown(raw)}")
        values = {name: self.value(entry, item, under(key, name)) for name, entry in raw.items()}
        return WRONG if WRONG in values.values() else values
