"""A device's scores and contributions out of the file; writes nothing."""

from collections.abc import Sequence

import duckdb
import numpy as np

from store.box import recall
from store.box.readings import Span
from store.box.sets import Scorer
from store.port import Series
from store.series import F64, I64, Columns, as_series, merged
from store.which import Whose

_WHERE = "WHERE scorer IN (SELECT unnest($scorers)) AND t_ns >= $start AND t_ns < $end"
_Bound = dict[str, object]


def scores(con: duckdb.DuckDBPyConnection, device: str, whose: Whose, span: Span, points: int) -> Series:
    """Column "score" in time order and a column a channel with its contribution, where one is kept."""
    scorers = [scorer for scorer in recall.scorers(con, device) if whose.fits(scorer)]
    bound: _Bound = {"scorers": [s.id for s in scorers], "start": span.start_ns, "end": min(span.end_ns, 2**63 - 1)}
    asked = f"SELECT count(*), min(t_ns), max(t_ns) FROM scores {_WHERE}"
    ((rows, first, last),) = con.execute(asked, bound).fetchall()
    if points and rows > points:
        score = _extremes(con, bound, first, (last - first) // max(points // 2, 1) + 1)
    else:
        score = _columns(con.execute(f"SELECT t_ns, score FROM scores {_WHERE} ORDER BY t_ns", bound))
    score = merged([score], 1)
    channels = tuple(dict.fromkeys(name for s in scorers for name in s.channels))
    parts = _contributions(con, bound, scorers, channels, score.t_ns)
    return as_series(Columns(score.t_ns, np.concatenate([score.values, parts])), ["score", *channels])


def _extremes(con: duckdb.DuckDBPyConnection, bound: _Bound, first_ns: int, width_ns: int) -> Columns:
    query = (
        "SELECT unnest([low_ns, high_ns]) AS t_ns, unnest([low, high]) AS score FROM ("
        "SELECT min(score) AS low, max(score) AS high, arg_min(t_ns, score) AS low_ns, arg_max(t_ns, score) AS high_ns "
        f"FROM scores {_WHERE} GROUP BY (t_ns - {first_ns}) // {width_ns}) ORDER BY t_ns"
    )
    return _columns(con.execute(query, bound))


def _columns(answer: duckdb.DuckDBPyConnection) -> Columns:
    got = answer.fetchnumpy()
    return Columns(np.asarray(got["t_ns"], np.int64), np.asarray(got["score"], np.float64).reshape(1, -1))


def _contributions(
    con: duckdb.DuckDBPyConnection, bound: _Bound, scorers: Sequence[Scorer], channels: Sequence[str], t_ns: I64
) -> F64:
    values = np.full((len(channels), len(t_ns)), np.nan)
    if not len(t_ns):
        return values
    names = {s.id: [channels.index(name) for name in s.channels] for s in scorers}
    answer = con.execute(f"SELECT scorer, t_ns, parts FROM contributions {_WHERE}", bound)
    while some := answer.fetchmany(10_000):
        for scorer, time, parts in some:
            at = int(np.searchsorted(t_ns, time))
            if at < len(t_ns) and t_ns[at] == time:
                values[names[scorer], at] = parts
    return values
