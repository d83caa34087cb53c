"""One value of the file as the config wants it: text, numbers, choices, durations and sizes; or what would be right."""

import difflib
import math
from collections.abc import Callable, Mapping, Sequence

from msgspec import inspect

from wire.problem import shown
from wire.units import duration_ns, duration_text, size_bytes, size_text

Write = Callable[[float], str]
LOWEST, HIGHEST = -(2**63), 2**63 - 1


def scalar(raw: object, kind: inspect.Type, unit: str = "") -> object:  # noqa: PLR0911 -- one return a kind
    """The value that `raw` means; raises ValueError with what was found and what would be right."""
    match kind:
        case inspect.BoolType() if isinstance(raw, bool):
            return raw
        case inspect.StrType() if isinstance(raw, str):
            return raw
        case inspect.EnumType(cls=cls):
            return cls(_chosen(raw, [str(member.value) for member in cls]))
        case inspect.LiteralType(values=values):
            return _chosen(raw, [str(value) for value in values])
        case inspect.IntType() if unit:
            return _measure(raw, kind, unit)
        case inspect.IntType() if isinstance(raw, int) and not isinstance(raw, bool):
            return _bounded(raw, kind, str)
        case inspect.FloatType() if isinstance(raw, int | float) and not isinstance(raw, bool):
            return _finite(raw, kind)
    raise ValueError(_expected(_NAMES[type(kind)], raw))


def nearest(word: object, known: Sequence[str]) -> str:
    """A question that ends a sentence when a known word is close, else nothing.

    >>> nearest("buad", ["baud", "port"])
    '; did you mean "baud"?'
    """
    near = difflib.get_close_matches(str(word)[:80], known, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


_NAMES: Mapping[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.StrType: "text in quotes",
    inspect.IntType: "int",
    inspect.FloatType: "a number",
}


def _expected(wanted: str, raw: object) -> str:
    return f"expected {wanted}, got {shown(raw)}"


def _chosen(raw: object, allowed: list[str]) -> str:
    if isinstance(raw, str) and raw in allowed:
        return raw
    raise ValueError(_expected(f"one of {', '.join(map(shown, allowed))}", raw) + nearest(raw, allowed))


def _finite(raw: float, kind: inspect.FloatType) -> float:
    if not (LOWEST <= raw <= HIGHEST if isinstance(raw, int) else math.isfinite(raw)):
        raise ValueError(_expected("a finite number", raw))
    return _bounded(float(raw), kind, lambda value: f"{value:g}")


def _measure(raw: object, kind: inspect.IntType, unit: str) -> float:
    if unit == "bytes" and isinstance(raw, int) and not isinstance(raw, bool):
        return _bounded(raw, kind, lambda size: size_text(int(size)))
    if not isinstance(raw, str):
        wanted = 'a duration in quotes such as "10s"' if unit == "duration" else 'a size in quotes such as "512MB"'
        raise ValueError(_expected(wanted, raw))  # noqa: TRY004 -- the file is wrong, not the program
    if unit == "duration":
        return _bounded(duration_ns(raw), kind, lambda ns: duration_text(int(ns)))
    return _bounded(size_bytes(raw), kind, lambda size: size_text(int(size)))


def _bounded(value: float, kind: inspect.IntType | inspect.FloatType, write: Write) -> float:
    if kind.gt is not None and value <= kind.gt:
        wanted = f"more than {write(kind.gt)}"
    elif kind.ge is not None and value < kind.ge:
        wanted = f"at least {write(kind.ge)}"
    elif value > (most := HIGHEST if kind.le is None else kind.le):
        wanted = f"at most {write(most)}"
    elif value < LOWEST:
        wanted = f"at least {LOWEST}"
    else:
        return value
    got = write(value) if abs(value) <= HIGHEST else "a very large number"
    msg = f"expected {wanted}, got {got}"
    raise ValueError(msg)
