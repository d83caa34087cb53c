"""Servers with labelled incidents (ASD, SMD): fitted on unlabelled rows, judged on later ones, row by row.

AP and F1 a server, then the plain mean; nothing is point-adjusted. Rows before a model is warm count as quiet.
"""

import io
import lzma
import resource
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from sklearn.metrics import average_precision_score

from benchmarks.detection.disguise import Disguise
from benchmarks.detection.result import Result
from models.arrays import F64, Bools
from models.fitting.training import train
from models.judging.metrics import confusion
from models.recipe import Recipe, changed
from models.scoring import score
from models.table import Stretch, Table

MINUTE_NS = 60_000_000_000
Changes = Mapping[str, object]


class Event(msgspec.Struct, frozen=True):
    """An incident: rows from `begin` to before `end`, and the channels that were at fault."""

    begin: int
    end: int
    channels: frozenset[int]


class Server(msgspec.Struct, frozen=True):
    """One machine of a set."""

    name: str
    fitted: Table
    judged: Table
    truth: Bools
    events: tuple[Event, ...]


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured for a set."""

    set: str
    recipe: Recipe
    targets: Mapping[str, float]
    reference: Mapping[str, float]
    choices: tuple[Changes, ...]  # that a server left out is judged by, as chosen on the others


class Seen(msgspec.Struct, frozen=True):
    """What a model made of a server; `value` and its fellows are 0 to 1."""

    ap: float
    f1: float
    best_f1: float  # with the threshold that the labels of this very server would choose
    found: int  # events with at least one alarm
    named: tuple[float, ...]  # for each found event: share of the channels at fault among as many that speak loudest


def table(name: str, rows: F64, step_ns: int) -> Table:
    """A server's rows as channels c00, c01, ... on an invented clock."""
    names = tuple(f"c{at:02d}" for at in range(rows.shape[1]))
    stretch = Stretch(name, np.arange(len(rows), dtype=np.int64) * step_ns, np.asarray(rows, dtype=np.float64))
    return Table(names, (stretch,))


def unpacked(path: Path) -> F64:
    """What an .npy.xz file holds."""
    with lzma.open(path) as file:
        return np.asarray(np.load(io.BytesIO(file.read())), dtype=np.float64)


def events(path: Path, truth: Bools, *, last_included: bool) -> tuple[Event, ...]:
    """The events of a file of `first-last:channels`, rows from 0 and channels from 1, checked against the labels."""
    out = []
    for line in path.read_text().split():
        rows, _, channels = line.partition(":")
        begin, end = map(int, rows.split("-"))
        event = Event(begin, end + last_included, frozenset(int(at) - 1 for at in channels.split(",")))
        if not truth[event.begin : event.end].any():
            msg = f"{path}: nothing is labelled in rows {rows}"
            raise ValueError(msg)
        out.append(event)
    return tuple(out)


def results(servers: Sequence[Server], protocol: Protocol) -> list[Result]:
    """All lines of a set."""
    start = time.perf_counter()
    seen = [watch(server, protocol.recipe) for server in servers]
    seconds, peak_mb = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    change = Disguise(len(servers[0].fitted.channels))
    disguised = [watch(_in_disguise(server, change), protocol.recipe) for server in servers]
    left_out = _left_out(servers, protocol)
    lines = _lines(protocol, "as shipped", servers, seen)
    return [
        msgspec.structs.replace(lines[0], seconds=seconds, peak_mb=peak_mb),
        *lines[1:],
        *_lines(protocol, "one server left out", servers, left_out)[:2],
        *_lines(protocol, "in disguise", servers, disguised)[:2],
        *_each(protocol, servers, seen),
    ]


def watch(server: Server, recipe: Recipe) -> Seen:
    """Fit on the earlier rows, judge the later ones from a cold start."""
    model = train(recipe, server.fitted).model
    (judged,) = score(model, server.judged)
    scores = np.nan_to_num(judged.scored.score.astype(np.float64))
    heard = [event for event in server.events if judged.alarm[event.begin : event.end].any()]
    return Seen(
        ap=float(average_precision_score(server.truth, scores)),
        f1=confusion(server.truth, judged.alarm).f1,
        best_f1=_best_f1(server.truth, scores),
        found=len(heard),
        named=tuple(_named(event, scores, judged.scored.contributions) for event in heard),
    )


def _named(event: Event, scores: F64, contributions: np.ndarray) -> float:
    """Hit rate of the loudest channels in the row where the event was loudest."""
    row = event.begin + int(scores[event.begin : event.end].argmax())
    loudest = np.argsort(-contributions[row], kind="stable")[: len(event.channels)]
    return len(event.channels.intersection(loudest.tolist())) / len(event.channels)


def _best_f1(truth: Bools, scores: F64) -> float:
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    return float((2 * hits / (np.arange(1, len(truth) + 1) + hits[-1])).max())


def _left_out(servers: Sequence[Server], protocol: Protocol) -> list[Seen]:
    """Each server judged by the choice that did best on the others, by F1 and AP together."""
    tried = [[watch(server, changed(protocol.recipe, choice)) for server in servers] for choice in protocol.choices]
    worth = np.array([[seen.f1 + seen.ap for seen in row] for row in tried])  # choices x servers
    best = [int(np.delete(worth, at, axis=1).mean(axis=1).argmax()) for at in range(len(servers))]
    return [tried[choice][at] for at, choice in enumerate(best)]


def _in_disguise(server: Server, change: Callable[[Table], Table]) -> Server:
    return msgspec.structs.replace(server, fitted=change(server.fitted), judged=change(server.judged))


def _lines(protocol: Protocol, name: str, servers: Sequence[Server], seen: Sequence[Seen]) -> list[Result]:
    share = [float(server.truth.mean()) for server in servers]
    every = sum(len(server.events) for server in servers)
    channels = len(servers[0].fitted.channels)
    at_fault = [len(event.channels) / channels for server in servers for event in server.events]
    return [
        _line(protocol, name, "AP", _mean(each.ap for each in seen), _mean(share)),
        _line(protocol, name, "F1", _mean(each.f1 for each in seen), _mean(_all_ones(each) for each in share)),
        _line(protocol, name, "best F1, an upper bound", _mean(each.best_f1 for each in seen)),
        _line(protocol, name, "events found %", 100 * sum(each.found for each in seen) / every),
        _line(
            protocol,
            name,
            "channels named %",
            100 * _mean(hit for each in seen for hit in each.named),
            100 * _mean(at_fault),
        ),
    ]


def _each(protocol: Protocol, servers: Sequence[Server], seen: Sequence[Seen]) -> list[Result]:
    lines = []
    for server, each in zip(servers, seen, strict=True):
        share = float(server.truth.mean())
        lines.append(_line(protocol, server.name, "AP", each.ap, share, of_set=False))
        lines.append(_line(protocol, server.name, "F1", each.f1, _all_ones(share), of_set=False))
    return lines


def _line(
    protocol: Protocol, name: str, metric: str, value: float, trivial: float | None = None, *, of_set: bool = True
) -> Result:
    return Result(
        set=protocol.set,
        protocol=name,
        metric=metric,
        value=value,
        target=protocol.targets.get(metric) if of_set else None,
        trivial=trivial,
        reference=protocol.reference.get(metric) if of_set else None,
        limit_from="held-out blocks of the server's earlier rows",
        recipe=protocol.set,
    )


def _all_ones(share: float) -> float:
    return 2 * share / (1 + share)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
