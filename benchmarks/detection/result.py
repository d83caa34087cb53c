"""What a detection benchmark finds: one metric of one set by one protocol, beside what it must be compared with."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from benchmarks.report import Figure, figure


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. Rates are in percent; `trivial` is what always ringing, a constant or chance reaches."""

    set: str  # "skab"
    protocol: str  # "two-fold", "in time order", ...
    metric: str  # "F1"
    value: float
    target: float | None = None
    higher: bool = True  # is better
    spread: float | None = None  # standard deviation over `seeds`; None: nothing is random in it
    seeds: int = 1
    low: float | None = None  # 95 % interval where failures are few
    high: float | None = None
    trivial: float | None = None
    published: str = ""  # "0.78 (Conv-AE)"
    reference: float | None = None  # the data page's own
    limit_from: str = ""  # where the threshold came from
    recipe: str = ""
    seconds: float | None = None
    peak_mb: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is reached."""
        if self.target is None:
            return None
        return self.value >= self.target if self.higher else self.value <= self.target

    @property
    def name(self) -> str:
        """As a figure: "skab.two-fold.f1"."""
        return ".".join(part.lower().replace(" ", "-") for part in (self.set, self.protocol, self.metric))


def figures(results: Iterable[Result]) -> list[Figure]:
    """For build/bench.json; the reference is the target."""
    return [figure(each.name, each.value, each.limit_from or each.recipe, each.target) for each in results]


def folder(name: str) -> Path:
    """Where a set lies: under TOCSIN_DATA, or beside the checkout."""
    return Path(os.environ.get("TOCSIN_DATA", "../shared/data")) / name


def table(results: Sequence[Result]) -> str:
    """The lines as a table of Markdown."""
    head = ("set", "protocol", "metric", "ours", "target", "", "trivial", "reference", "published", "s", "MB")
    rows = [head, ("---",) * len(head), *map(_cells, results)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _cells(each: Result) -> tuple[str, ...]:
    spread = f" ± {_short(each.spread)}" if each.spread is not None else ""
    interval = f" ({_short(each.low)} to {_short(each.high)})" if each.low is not None else ""
    sign = "≥" if each.higher else "≤"
    return (
        each.set,
        each.protocol,
        each.metric,
        f"**{_short(each.value)}**{spread}{interval}",
        f"{sign} {_short(each.target)}" if each.target is not None else "",
        {None: "", True: "met", False: "not met"}[each.met],
        _short(each.trivial),
        _short(each.reference),
        each.published,
        _short(each.seconds),
        _short(each.peak_mb),
    )


def _short(value: float | None) -> str:
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
