"""Contributions as bars: which channels made the score."""

from collections.abc import Mapping

from markupsafe import Markup

from dashboards.console.pages.markup import join

SHOWN = 8
LEAST = 0.01  # of the whole; less says nothing
_BAR = Markup(
    '<span class="share" title="{}: {:.3g}"><span class="share-name">{}</span>'
    '<span class="share-bar"><i style="width:{:.0f}%"></i></span><span class="figure">{:.0%}</span></span>'
)


def bars(contributions: Mapping[str, float]) -> Markup:
    """The largest first; each as its share of the whole."""
    found = sorted(((v, k) for k, v in contributions.items() if v > 0), key=lambda pair: (-pair[0], pair[1]))
    if not found:
        return Markup('<p class="empty">No channel stands out.</p>')
    whole, top = sum(v for v, _ in found), found[0][0]
    shown = [(v, k) for v, k in found[:SHOWN] if v >= LEAST * whole]
    each = join(_BAR.format(k, v, k, v / top * 100, v / whole) for v, k in shown)
    rest = len(found) - len(shown)
    more = Markup('<span class="share-name">and {} smaller</span>').format(rest) if rest > 0 else ""
    return Markup('<span class="shares">{}{}</span>').format(each, more)
