"""A measured figure, the table of them, and build/bench.json."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict


class Figure(TypedDict):
    """One measured value with what it is compared to; ratio = value / reference."""

    name: str
    value: float
    unit: str
    reference: float | None
    ratio: float | None


def figure(name: str, value: float, unit: str, reference: float | None = None) -> Figure:
    """Make a figure; the ratio is left out where there is nothing to compare to."""
    ratio = value / reference if reference else None
    return Figure(name=name, value=value, unit=unit, reference=reference, ratio=ratio)


def table(figures: Iterable[Figure]) -> str:
    """Lay figures out for a terminal."""
    rows = [("name", "value", "unit", "reference", "ratio")]
    rows += [(f["name"], _short(f["value"]), f["unit"], _short(f["reference"]), _short(f["ratio"])) for f in figures]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def save(figures: Iterable[Figure], path: Path) -> None:
    """Write figures as JSON, in place of those of the same name that an earlier run left."""
    kept: dict[str, Figure] = {}
    if path.exists():
        kept = {f["name"]: f for f in json.loads(path.read_text())}
    kept |= {f["name"]: f for f in figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(list(kept.values()), indent=1) + "\n")


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"
