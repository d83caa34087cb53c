"""A bench's way in, in memory: what it sends is on disk at once, and a test says what is advised."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wire.messages import Advice, Event, Origin, StepEnded
from wire.ports import Arrival, Awaited, FullError


class Call:
    """Implements wire.ports.Awaited."""

    def __init__(self) -> None:
        self.came = threading.Event()
        self.advice: Advice | None = None

    def wait(self, timeout_s: float) -> Advice | None:
        self.came.wait(timeout_s)
        return self.advice


class BenchWays:
    """Implements wire.ports.Intake and Waiting; `calls` answers a step's end as the core would."""

    def __init__(self, calls: Callable[[StepEnded], Advice | None] = lambda _: None) -> None:
        self.calls = calls
        self.arrivals: list[Arrival] = []
        self.waiting: dict[tuple[str, str], Call] = {}
        self.full = False
        self.is_disk_well = True

    @property
    def events(self) -> list[Event]:
        return [event for arrival in self.arrivals for event in arrival.events]

    def put(self, arrival: Arrival) -> None:
        if self.full:
            raise FullError(2.0)
        self.arrivals.append(arrival)
        if arrival.receipt is not None and self.is_disk_well:
            arrival.receipt.done()
        for event in arrival.events:
            call = self.waiting.get((event.run, event.step)) if isinstance(event, StepEnded) else None
            if isinstance(event, StepEnded) and call is not None and (advice := self.calls(event)) is not None:
                call.advice = advice
                call.came.set()

    @contextmanager
    def expect(self, run: str, step: str) -> Iterator[Awaited]:
        call = self.waiting[run, step] = Call()
        yield call
        del self.waiting[run, step]


def stop_at(step: str) -> Callable[[StepEnded], Advice | None]:
    """Says stop after one step and go on after the others."""

    def said(ended: StepEnded) -> Advice:
        return Advice(
            Origin("edge-1", "0" * 32, 1), "edge-1", ended.run, ended.step, 0.91, stop=ended.step == step, t_ns=1,
            low=0.8, high=0.97, because={"S01": 1.0}, would_stop=ended.step == step,
        )  # fmt: skip

    return said
