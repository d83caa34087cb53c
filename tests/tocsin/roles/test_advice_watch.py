import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.store.benches import advice, over
from tocsin.roles.advice_watch import AdviceWatch, Heard
from wire.envelope import pack
from wire.messages import Advice
from wire.ports import BusError, Record


class Bus:
    """Gives its records once, fails `failures` times before, and ends the watch when all was read."""

    def __init__(self, bodies: Sequence[bytes], stop: threading.Event, *, failures: int = 0) -> None:
        self._records = [Record("tocsin.advice", 0, at, b"edge", body, 0) for at, body in enumerate(bodies)]
        self._stop = stop
        self._failures = failures

    @contextmanager
    def hear(self) -> Iterator[Heard]:
        if self._failures:
            self._failures -= 1
            msg = "no broker answers"
            raise BusError(msg)
        yield self

    def read(self, *, limit: int, wait_s: float) -> list[Record]:  # noqa: ARG002 -- the port's verb
        found, self._records = self._records[:limit], self._records[limit:]
        if not found:
            self._stop.set()
        return found


class Bench:
    def __init__(self) -> None:
        self.told: list[Advice] = []

    def give(self, advice: Sequence[Advice]) -> None:
        self.told += advice


def test_advice_on_the_edges_own_runs_goes_back_and_all_else_passes_by() -> None:
    stop, bench = threading.Event(), Bench()
    mine, others = advice("r1", "S01", 1), advice("r1", "S01", 1, edge="elsewhere")
    candidate = advice("r1", "S01", 1, role="candidate")
    bus = Bus([pack(mine), pack(candidate), pack(others), pack(over("r1", "pass")), b"noise"], stop)
    watch = AdviceWatch(bus.hear, bench, edge="edge")
    watch.run(stop)
    assert bench.told == [mine]
    assert (watch.told, watch.trouble) == (1, "")


def test_a_bus_that_is_away_is_tried_again_and_said() -> None:
    stop, bench = threading.Event(), Bench()
    bus = Bus([pack(advice("r1", "S01", 1))], stop, failures=1)
    watch = AdviceWatch(bus.hear, bench, edge="edge", again_s=0.001)
    watch.run(stop)
    assert len(bench.told) == 1
