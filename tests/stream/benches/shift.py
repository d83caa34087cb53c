"""A recorded shift on simulated test benches with everything that goes wrong with runs, as the core is given it."""

import heapq
import itertools
import random
from collections.abc import Iterator, Sequence

import numpy as np

from models.contract import Job, Scored
from simulators.bench import runs
from simulators.disorder import Disorder
from simulators.trial import Trial
from stream.core import Core
from stream.inputs import Item
from stream.models.detectors import Shelf
from tests.stream.benches.bench import Foreseer
from wire.config import HOUR_NS, Config, Costs, Procedure
from wire.messages import NS_PER_S, Action, Batch, ModelChange, RunEvent, Verb

EVERYTHING = Disorder(
    broken_off=0.15, retest=0.5, out_of_order=0.2, overlapping=0.2, missing=0.15, extra=0.2, startless=0.1
)
RULE = Procedure(
    match="servo-*",
    model="margins",
    whole_share=0.2,
    broken_off_after_ns=HOUR_NS // 2,
    costs=Costs(bench_hour=3600.0, scrap_good=1.0, repair=1.0),
)


class Margins(Foreseer):
    """The nearer to a limit anything came, the likelier a fail; remembers what each station did so far on average."""

    def __init__(self, version: int) -> None:
        super().__init__(version, "margins", 0.8)
        found = (column for trial in itertools.islice(runs(0), 3) for column in _columns(trial))
        self.channels = tuple(dict.fromkeys(found))
        self._margins = np.array([at for at, name in enumerate(self.channels) if name.endswith(".margin")])

    def _one(self, job: Job) -> Scored:
        margins = job.rows[0, self._margins]
        least = float(np.nanmin(margins, initial=0.5))
        p = min(1.0, max(0.0, 1.0 - 2.0 * least + 0.1 * self.version + 0.01 * float(job.state[1])))
        shares = np.zeros((1, len(self.channels)), np.float32)
        shares[0, self._margins] = np.nan_to_num(np.maximum(0.0, 0.5 - margins))
        seen = job.state[0] + 1
        return Scored(
            state=np.array([seen, job.state[1] + (p - job.state[1]) / seen]) if job.learn else job.state.copy(),
            score=np.array([p / self.limit], np.float32),
            contributions=shares,
            warm=1.0,
            drift=np.zeros(1, np.bool_),
            outlook=np.array([[1.0 - p, p]], np.float32),
        )


def _columns(trial: Trial) -> Iterator[str]:
    for event in trial.events:
        name = getattr(event, "name", "")
        if name and not isinstance(event.value, str):  # type: ignore[union-attr] # it has a name: it is a measurement
            yield from (f"{event.step}/{name}{kind}" for kind in ("", ".margin"))  # type: ignore[union-attr] # likewise


def benches() -> Core:
    """A core that watches over the shift."""
    return Core(Config(procedures=(RULE,)), Shelf([Margins(1), Margins(2)]))


def shift(seed: int, count: int = 40, *, tried: bool = True) -> list[Item]:
    """So many runs on three stations of two edges, in batches, some of which come twice; and what people do.

    `tried`: versions are candidates meanwhile, one after the other.
    """
    chance = random.Random(seed)
    trials = list(itertools.islice(runs(seed, disorder=EVERYTHING, changes_at=count // 2), count))
    items: list[Item] = []
    seqs: dict[str, int] = {}
    for edge, t_ns, events in _batches(trials, chance):
        seqs[edge] = seqs.get(edge, 0) + 1
        items.append(Batch(edge, edge * 8, seqs[edge], t_ns, events=tuple(events)))
        items += items[-1:] if chance.random() < 0.02 else []
    for number, at in enumerate(sorted(chance.sample(range(len(items) // 3, len(items)), 5))):
        items.insert(at + number, _people(number, ("hall", "yard")[number % 2]))
    for number, version in enumerate((1, 2, 1, 0) if tried else ()):
        items.insert((number + 1) * len(items) // 5, ModelChange(f"c{number}", "margins", version, role="candidate"))
    return items


def _people(number: int, edge: str) -> Item:
    if number in {1, 3}:
        return ModelChange(f"m{number}", "margins", number % 3)
    return Action(f"a{number}", edge, "*", "advice:servo-final", Verb.WITHHOLD if number == 4 else Verb.ADVISE, "anna")


def _batches(trials: Sequence[Trial], chance: random.Random) -> Iterator[tuple[str, int, list[RunEvent]]]:
    """What each edge sends, cut where chance has it; the clock goes on without a word at the end."""
    waiting: dict[str, list[RunEvent]] = {"hall": [], "yard": []}
    t_ns = 0
    for t_ns, edge, event in heapq.merge(*map(_sent, trials)):
        waiting[edge].append(event)
        if chance.random() < 0.1:
            yield edge, t_ns, waiting[edge]
            waiting[edge] = []
    for edge, events in waiting.items():
        yield edge, t_ns + NS_PER_S, events
        yield edge, t_ns + HOUR_NS, []


def _sent(trial: Trial) -> Iterator[tuple[int, str, RunEvent]]:
    """The events of a run and when they are sent: never before those that were sent before."""
    edge = "yard" if trial.station == "bench-2" else "hall"
    newest = 0
    for place, event in enumerate(trial.events):
        newest = max(newest, event.t_ns)
        yield newest + place, edge, event
