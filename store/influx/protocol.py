"""How numbers, texts and names stand in line protocol; knows no message."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import TypeAlias

import msgspec

from store.influx.table import shown

TEXT_LENGTH = 4000  # characters of a string field; InfluxDB refuses 64 KiB
NONE = b"null"
_IN_NAMES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_IN_TEXTS = str.maketrans({**dict.fromkeys(map(chr, range(0x20)), " "), "\\": r"\\", '"': r"\""})
_json = msgspec.json.Encoder()

Said: TypeAlias = Mapping[str, float | str | None]


class Whole(str):
    """A text that is not cut, as it is worth nothing in part; its maker keeps it under 64 KB."""

    __slots__ = ()


def texts_of(numbers: Sequence[float]) -> list[bytes]:
    """Each number as it is written, NONE for what is none."""
    return _json.encode(numbers)[1:-1].split(b",") if numbers else []


def fields_of(said: Said | Mapping[str, float]) -> bytes:
    """The fields of a line; what is no number is left out."""
    return ",".join(_written(said.items())).encode()


def name_of(text: str) -> str:
    """A tag's value or a field's key as it is written."""
    return shown(text).translate(_IN_NAMES)


def _written(said: Iterable[tuple[str, float | str | None]]) -> Iterable[str]:
    for key, value in said:
        if isinstance(value, str):
            kept = value if isinstance(value, Whole) else value[:TEXT_LENGTH].translate(_IN_TEXTS)
            yield f'{name_of(key)}="{kept}"'
        elif value is not None and isfinite(value):
            yield f"{name_of(key)}={float(value)!r}"
