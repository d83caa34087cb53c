"""Sources, gaps and dead letters from answers of InfluxDB; what it does not keep of them stays empty."""

from collections.abc import Iterable, Sequence

from store.influx.client import Series
from store.influx.lines import VERSIONS
from store.influx.reading.asking import moment, number, word
from store.influx.reading.names import identifier, true_name
from store.influx.table import DEAD, DEVICE, EDGE, GAPS, SOURCE
from wire.messages import NS_PER_S, DeadLetter, Gap, Origin, SourceState, SourceStatus

GAP_FIELDS = (*GAPS.fields, *GAPS.texts, DEVICE, EDGE)
DEAD_FIELDS = (*DEAD.fields, *DEAD.texts, SOURCE)


def selected(fields: Sequence[str], end: str, limit: int) -> str:
    """The statement for the newest points with these fields and tags."""
    return f"SELECT {', '.join(map(identifier, fields))} {end} ORDER BY time DESC LIMIT {limit}"


def sources_of(found: Iterable[Series]) -> list[tuple[str, SourceState]]:
    """The newest state of every source, with its edge."""
    states = []
    for series in found:
        edge, source = true_name(series.tags.get(EDGE, "")), true_name(series.tags.get(SOURCE, ""))
        for row in series.rows():
            status, at_ns = SourceStatus(word(row["state"])), moment(row["time"])
            states.append((edge, SourceState(source, status, word(row["detail"]), at_ns)))
    return sorted(states, key=lambda pair: (pair[0], pair[1].source))


def gaps_of(found: Iterable[Series]) -> list[tuple[str, Gap]]:
    """Gaps with their edge; where they begin and end is kept to a microsecond."""
    return [
        (
            true_name(word(row[EDGE])),
            Gap(
                device=true_name(word(row[DEVICE])),
                from_ns=moment(row["time"]) // VERSIONS * VERSIONS,
                to_ns=round(number(row["to_s"]) * NS_PER_S),
                rows=int(number(row["rows"], -1.0)),
                reason=word(row["reason"]),
                source=word(row[SOURCE]),
            ),
        )
        for series in found
        for row in series.rows()
    ]


def dead_of(found: Iterable[Series]) -> list[DeadLetter]:
    """Dead letters without what died: `tocsin dead list` has it from the bus."""
    nobody = Origin(edge="", log="", seq=0)
    return [
        DeadLetter(
            origin=nobody,
            source=true_name(word(row[SOURCE])),
            reason=word(row["reason"]),
            body=b"",
            count=int(number(row["count"], 1.0)),
            t_ns=moment(row["time"]),
        )
        for series in found
        for row in series.rows()
    ]
