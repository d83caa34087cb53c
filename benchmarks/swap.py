"""100 promotions and rollbacks while 10,000 readings a second flow through log, core and store, from a real registry.

Counted by device and time in the store: scores lost or doubled; and how long a reading takes to its stored score, the
slowest in a hundred while models are swapped against the same without swaps.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import msgspec
import numpy as np

from benchmarks.report import Figure, figure
from edge.log import LocalLog
from edge.outbox import Outbox
from models.arrays import F64
from models.fitting.training import train
from models.recipe import parse
from models.registry.folder import CHAMPION, Registry
from models.registry.manifest import Facts
from models.table import Stretch, Table
from store.box.box import DuckStore
from store.port import Commit
from stream.box.runner import BoxRunner
from stream.core import Core
from tocsin.modelling.shelf import Shelf
from tocsin.modelling.swapping import Swapping
from wire.config import Config, DeviceRule
from wire.messages import NS_PER_S, Scores
from wire.ports import Arrival, Row

NAME = "pump"
DEVICES, CHANNELS, TICKS_PER_S = 50, 20, 10  # 10,000 readings a second
VERSIONS = 12  # more than are kept loaded: each promotion loads one
ROUNDS, SWAPS = 5, 20  # swaps of a round, which comes after a while without any: a machine has better and worse minutes
CALM_S, SETTLE_S, DRAIN_S, SWAP_S = 10.0, 5.0, 60.0, 30.0
NAMES = tuple(f"c{number}" for number in range(CHANNELS))
RECIPE = """
task = "anomaly"
features = [{ kind = "value" }, { kind = "smooth", span = 5 }]
estimator = { kind = "mahalanobis" }
calibration = { multiple = 3.0 }
"""


class Counted(msgspec.Struct, frozen=True):
    """What came of a run."""

    sent: int  # rows
    lost: int  # rows without a score
    doubled: int  # scores too many
    swaps: int  # changes of the version between neighbouring rows of a device, of the device with the fewest
    slowest_s: float  # from a promotion to the first score by it
    calm_p99_ms: float
    swap_p99_ms: float

    @property
    def ratio(self) -> float:
        """How much slower the slowest in a hundred is while models are swapped."""
        return self.swap_p99_ms / self.calm_p99_ms


class Timed(DuckStore):
    """A store that notes how old each row is when its score has been stored."""

    def __init__(self, path: Path) -> None:
        super().__init__(path=path)
        self.ages: list[tuple[float, float]] = []  # when a score was stored, s, and how old its row was, ms
        self.versions: dict[str, int] = {}  # of the newest score, by device

    def write(self, commit: Commit) -> None:
        """Store, then look at the clock."""
        super().write(commit)
        now_ns = time.time_ns()
        for outcome in commit.outcomes:
            if isinstance(outcome, Scores) and outcome.role == "champion":
                self.versions[outcome.device] = outcome.version
                times = np.frombuffer(outcome.t_ns, "<i8")
                self.ages += [(now_ns / NS_PER_S, (now_ns - int(at)) / 1e6) for at in times]


def campaign(
    folder: Path, *, rounds: int = ROUNDS, swaps: int = SWAPS, calm_s: float = CALM_S, settle_s: float = SETTLE_S
) -> Counted:
    """Run it; the registry, the log and the store lie in a folder."""
    registry = stocked(folder / "models")
    shelf = Shelf(registry.load, [NAME])
    watcher = Swapping(shelf, registry.aliases)
    config = Config(devices=(DeviceRule(match="*", model=NAME, silent_after_ns=3600 * NS_PER_S),))
    log = LocalLog(folder / "log.sqlite", edge="bench", bytes_bound=4_000_000_000)
    with log, Timed(folder / "store.duckdb") as store:
        runner = BoxRunner(
            log,
            inbox=log,
            store=store,
            core=Core(config, shelf),
            clock_ns=time.time_ns,
            wanted=lambda: watcher.wanted,
        )
        watcher.look()
        with _running(runner, log), Outbox(log, config) as outbox, _flowing(outbox) as flow:
            time.sleep(settle_s)
            spans: list[tuple[float, float, float]] = []
            took_s: list[float] = []
            for number in range(rounds):
                calm_at = time.time()
                time.sleep(calm_s)
                swap_at = time.time()
                took_s += [_swapped(registry, watcher, store, number * swaps + each) for each in range(swaps)]
                spans.append((calm_at, swap_at, time.time()))
            time.sleep(settle_s)
        ages = np.array(store.ages)
    calm, busy = (np.concatenate(each) for each in zip(*(_parted(ages, span) for span in spans), strict=True))
    lost, doubled, seen = counted(folder / "store.duckdb", flow)
    return Counted(
        sent=sum(map(len, flow.values())),
        lost=lost,
        doubled=doubled,
        swaps=seen,
        slowest_s=max(took_s),
        calm_p99_ms=_slowest(calm),
        swap_p99_ms=_slowest(busy),
    )


def stocked(folder: Path) -> Registry:
    """A registry with as many versions of one model, each fitted on other rows."""
    registry, recipe = Registry.open(str(folder)), parse(RECIPE)
    for seed in range(VERSIONS):
        rng = np.random.default_rng(seed)
        rows = 50 + rng.normal(size=(2000, CHANNELS))
        table = Table(NAMES, (Stretch("pump", np.arange(2000) * NS_PER_S, rows),))
        registry.save(train(recipe, table, name=NAME).model, recipe, Facts(made_at_ns=time.time_ns()))
    return registry


def counted(path: Path, flow: Mapping[str, Sequence[int]]) -> tuple[int, int, int]:
    """Rows without a score, scores too many, and changes of the version, as the store has them."""
    lost = doubled = 0
    seen: list[int] = []
    with duckdb.connect(str(path), read_only=True) as con:
        for device, sent in flow.items():
            told = con.execute(
                "SELECT t_ns, version FROM scores JOIN scorers ON scorer = id "
                "WHERE device = ? AND role = 'champion' ORDER BY t_ns",
                [device],
            ).fetchnumpy()
            times, wanted = told["t_ns"], np.array(sent)
            lost += len(np.setdiff1d(wanted[wanted >= times[0]], times))  # before, the first version had not begun
            doubled += len(times) - len(np.unique(times))
            seen.append(int((np.diff(told["version"]) != 0).sum()))
    return lost, doubled, min(seen)


def _slowest(ages: F64) -> float:
    """In a hundred; NaN where nothing was stored in that while, as on a machine that is very busy."""
    return float(np.quantile(ages, 0.99)) if len(ages) else float("nan")


def _parted(ages: F64, span: tuple[float, float, float]) -> tuple[F64, F64]:
    """Ages of what was stored while nothing was swapped, and while models were."""
    calm_at, swap_at, end_at = span
    at = ages[:, 0]
    return ages[(at >= calm_at) & (at < swap_at), 1], ages[(at >= swap_at) & (at < end_at), 1]


def _swapped(registry: Registry, watcher: Swapping, store: Timed, number: int) -> float:
    """Promote the next version, or go back; returns after how long every device was scored by it."""
    begun = time.monotonic()
    if number % 2:
        version = registry.roll_back(NAME, who="bench")
    else:
        version = 2 + (number // 2) % (VERSIONS - 1)
        registry.point(NAME, CHAMPION, version, who="bench")
    watcher.look()
    while set(store.versions.values()) != {version}:
        assert time.monotonic() - begun < SWAP_S, f"version {version} is not at work after {SWAP_S:g} s"
        time.sleep(0.02)
    return time.monotonic() - begun


@contextmanager
def _running(runner: BoxRunner, log: LocalLog) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    try:
        yield
        deadline = time.monotonic() + DRAIN_S
        while log.status().backlog and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join()


@contextmanager
def _flowing(outbox: Outbox) -> Iterator[Mapping[str, Sequence[int]]]:
    """Rows of every device at a steady pace; yields the times of what was sent."""
    sent: dict[str, list[int]] = {f"pump-{number}": [] for number in range(DEVICES)}
    rng, stop = np.random.default_rng(1), threading.Event()
    shown = 50 + rng.normal(size=(1000, CHANNELS))

    def flow() -> None:
        tick, begun = 0, time.monotonic()
        while not stop.wait(max(0.0, begun + tick / TICKS_PER_S - time.monotonic())):
            now_ns = time.time_ns()
            rows = []
            for number, (device, times) in enumerate(sent.items()):
                times.append(now_ns)
                rows.append(Row(device, NAMES, tuple(shown[(tick * 7 + number) % 1000].tolist()), now_ns))
            outbox.put(Arrival("mqtt-1", rows))
            tick += 1

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        yield sent
    finally:
        stop.set()
        thread.join()


def measure() -> list[Figure]:
    """Scores lost and doubled, and how much slower the slowest in a hundred is during swaps."""
    with TemporaryDirectory(prefix="tocsin-swap-") as folder:
        found = campaign(Path(folder))
    assert (found.lost, found.doubled) == (0, 0), found
    assert found.swaps == ROUNDS * SWAPS, found
    return [
        figure("swap.p99_ratio", found.ratio, "", 2.0),
        figure("swap.p99_ms", found.swap_p99_ms, "ms"),
        figure("swap.calm_p99_ms", found.calm_p99_ms, "ms"),
        figure("swap.lost", float(found.lost), "scores", 0.0),
        figure("swap.doubled", float(found.doubled), "scores", 0.0),
        figure("swap.swaps", float(found.swaps), "swaps", float(ROUNDS * SWAPS)),
        figure("swap.slowest_s", found.slowest_s, "s", 10.0),
    ]
