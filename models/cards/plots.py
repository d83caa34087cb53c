"""Pictures of judged rows as PNG; the same rows give the same bytes."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_curve

from models.contract import F64
from models.scoring import Judged

INK, LINE, LIMIT, WRONG = "#1b232c", "#5d7488", "#c2141f", "#f5c928"
BINS = 1200  # columns of a picture; of the rows behind one, the highest score is drawn
POINTS = 3000
BEYOND = 8.0  # limits; what lies above is drawn at the edge


def timeline(judged: Sequence[Judged], limit: float) -> bytes:
    """Scores in the order of the rows, and the limit; rows that are labelled as wrong are marked."""
    score, wrong = _scores(judged), _wrong(judged)
    figure, axes = _figure(9.0, 2.6)
    edges = np.unique(np.linspace(0, len(score), BINS + 1).astype(np.int64))[:-1]
    highest = np.fmax.reduceat(score, edges)
    axes.plot(edges, np.minimum(highest, BEYOND * limit), color=LINE, linewidth=0.8)
    marked = np.maximum.reduceat(wrong, edges)
    axes.fill_between(
        edges, 0, 1, where=marked, color=WRONG, alpha=0.5, step="post", transform=axes.get_xaxis_transform()
    )
    axes.axhline(limit, color=LIMIT, linewidth=1.2)
    axes.set(xlabel="row", ylabel="score", ylim=(0, None), xlim=(0, max(1, len(score))))
    return _png(figure)


def spread(judged: Sequence[Judged], limit: float) -> bytes:
    """How many rows have which score; those that are labelled as wrong for themselves."""
    score, wrong = _scores(judged), _wrong(judged)
    figure, axes = _figure(4.4, 3.0)
    top = min(BEYOND * limit, max(1.2 * limit, float(np.nanmax(score, initial=0.0))))
    bins = np.linspace(0.0, top, 60).tolist()
    for rows, colour, name in ((~wrong, LINE, "normal"), (wrong, WRONG, "labelled as wrong")):
        known = score[rows & ~np.isnan(score)]
        if len(known):
            axes.hist(np.minimum(known, top), bins=bins, color=colour, alpha=0.75, label=name)
    axes.axvline(limit, color=LIMIT, linewidth=1.2, label="limit")
    axes.set(xlabel="score", ylabel="rows", yscale="log")
    # A fixed place: looking for the best one takes seconds on a busy machine, and matplotlib warns of it.
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    return _png(figure)


def lives(judged: Sequence[Judged], cap: float) -> bytes:
    """Expected against true life, with the interval."""
    label = np.concatenate([_label(one) for one in judged])
    outlook = np.concatenate([_outlook(one, 3) for one in judged])
    known = np.flatnonzero(~np.isnan(label) & ~np.isnan(outlook[:, 0]))
    shown = known[:: max(1, len(known) // POINTS)]
    true, (expected, low, high) = np.minimum(label[shown], cap), outlook[shown].T
    figure, axes = _figure(4.4, 3.6)
    axes.vlines(true, low, high, color=LINE, alpha=0.12, linewidth=0.8)
    axes.scatter(true, expected, s=4, color=LINE, alpha=0.6, linewidths=0)
    top = float(max(true.max(initial=1.0), expected.max(initial=1.0)))
    axes.plot([0, top], [0, top], color=LIMIT, linewidth=1.2)
    axes.set(xlabel="life left", ylabel="expected life", xlim=(0, top), ylim=(0, None))
    return _png(figure)


def chances(judged: Sequence[Judged]) -> bytes | None:
    """Of units that pass or fail, as called after the last row of each: what is found, and whether P(fail) holds."""
    failed = np.array([_label(one)[-1] for one in judged])
    chance = np.array([_outlook(one, 2)[-1, 1] for one in judged])
    known = ~np.isnan(failed) & ~np.isnan(chance)
    failed, chance = failed[known], chance[known]
    if len(np.unique(failed)) < 2:  # noqa: PLR2004 -- pass and fail
        return None
    figure, found, reliable = _pair(8.0, 3.4)
    false, true, _ = roc_curve(failed, chance)
    found.plot([0, 1], [0, 1], color=INK, linewidth=0.6, linestyle=":")
    found.plot(false, true, color=LINE)
    found.set(xlabel="false alarms among those that passed", ylabel="found among those that failed")
    told, was = calibration_curve(failed, chance, n_bins=8, strategy="quantile")[::-1]
    reliable.plot([0, 1], [0, 1], color=INK, linewidth=0.6, linestyle=":")
    reliable.plot(told, was, color=LINE, marker="o", markersize=4)
    reliable.set(xlabel="P(fail) as told", ylabel="share that failed")
    return _png(figure)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, _bare(figure.add_subplot())


def _pair(width: float, height: float) -> tuple[Figure, Axes, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, _bare(figure.add_subplot(1, 2, 1)), _bare(figure.add_subplot(1, 2, 2))


def _bare(axes: Axes) -> Axes:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=8)
    return axes


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(out, format="png", metadata={"Software": None})  # its version is no part of the picture
    return out.getvalue()


def _scores(judged: Sequence[Judged]) -> F64:
    return np.concatenate([one.scored.score for one in judged]).astype(np.float64)


def _wrong(judged: Sequence[Judged]) -> np.ndarray:
    return np.concatenate([_label(one) == 1 for one in judged])


def _label(one: Judged) -> F64:
    return np.full(len(one.stretch.t_ns), np.nan) if one.stretch.label is None else one.stretch.label


def _outlook(one: Judged, width: int) -> F64:
    told = one.scored.outlook
    return np.full((len(one.stretch.t_ns), width), np.nan) if told is None else told.astype(np.float64)
