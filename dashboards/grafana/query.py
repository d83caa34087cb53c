"""InfluxQL as text: the one query language that InfluxDB 1, 2 and 3 share."""

from collections.abc import Sequence

import msgspec

from store.influx.table import Measurement

TIME = "$timeFilter"
INTERVAL = "$__interval"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One query of a panel; `alias` names its series, a table has none."""

    text: str
    alias: str = ""
    table: bool = False


def quoted(name: str) -> str:
    """A name as InfluxQL takes it.

    >>> quoted("time")
    '"time"'
    """
    return f'"{name}"'


def picked(*names: str) -> tuple[str, ...]:
    """The conditions for what the reader picked in variables, whatever signs are in the names.

    >>> picked("site")
    ('"site" =~ /^${site:regex}$/',)
    """
    return tuple(f"{quoted(name)} =~ /^${{{name}:regex}}$/" for name in names)


def select(
    what: str,
    measurement: Measurement,
    *,
    where: Sequence[str] = (),
    by: Sequence[str] = (),
    every: str = "",
    fill: str = "none",
    end: str = "",
) -> str:
    """A query within the reader's time; `by` are tags, `every` cuts time into stretches.

    >>> from store.influx.table import SCORES
    >>> select('max("score")', SCORES, by=["device"], every="1m")
    'SELECT max("score") FROM "scores" WHERE $timeFilter GROUP BY time(1m), "device" fill(none)'
    """
    if strange := set(by) - set(measurement.tags):
        msg = f"{measurement.name} has no tag {', '.join(sorted(strange))}"
        raise ValueError(msg)
    groups = [f"time({every})"] * bool(every) + [quoted(name) for name in by]
    parts = [f"SELECT {what} FROM {quoted(measurement.name)} WHERE {' AND '.join([*where, TIME])}"]
    parts += [f"GROUP BY {', '.join(groups)}"] * bool(groups)
    parts += [f"fill({fill})"] * bool(every)
    return " ".join([*parts, *([end] * bool(end))])


def of_those(what: str, inner: str, *, where: str = "", by: Sequence[str] = ()) -> str:
    """A query of the rows that another one gives.

    >>> of_those('count("a")', 'SELECT last("b") AS "a" FROM "c"', where='"a" = 1')
    'SELECT count("a") FROM (SELECT last("b") AS "a" FROM "c") WHERE "a" = 1'
    """
    text = f"SELECT {what} FROM ({inner})"
    text += f" WHERE {where}" * bool(where)
    return text + f" GROUP BY {', '.join(map(quoted, by))}" * bool(by)
