import random
import threading
from collections.abc import Callable
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from edge.backoff import delays_s
from edge.keeper import Keeper
from edge.source import SourceError
from wire.config import OnStart
from wire.messages import Event, SourceState
from wire.ports import Arrival, FullError, Intake, Row

DATA = Arrival("s", [Row("d", ("a",), (1.0,))])


class Waits(threading.Event):
    """A stop that never comes and writes down how long it was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_s: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked_s.append(timeout)
        return False


class Highest(random.Random):
    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


class Kept:
    """An intake that turns away at first."""

    def __init__(self, *, refusals: int = 0) -> None:
        self.events: list[Event] = []
        self._refusals = refusals

    def put(self, arrival: Arrival) -> None:
        if self._refusals:
            self._refusals -= 1
            raise FullError(7.0)
        self.events.extend(arrival.events)


class Plan:
    """A source whose attempts are spelt out: f fails, c connects and fails, d delivers and fails; then it ends."""

    name = "s"
    acknowledged = False

    def __init__(self, attempts: str) -> None:
        self._attempts = iter(attempts)

    def run(self, intake: Intake, stop: threading.Event, connected: Callable[[str], None]) -> None:
        assert not stop.is_set()
        attempt = next(self._attempts, "")
        if attempt in {"c", "d"}:
            connected("open")
        if attempt == "d":
            intake.put(DATA)
        if attempt:
            msg = "lost"
            raise SourceError(msg)


def run(attempts: str, *, on_start: OnStart = OnStart.RETRY, kept: Kept | None = None) -> tuple[Waits, list[str], str]:
    stop, kept, failures = Waits(), kept or Kept(), [""]
    keeper = Keeper(Plan(attempts), on_start=on_start, intake=kept, stop=stop, rng=Highest(), failed=failures.append)
    keeper.run()
    return stop, [e.state.value for e in kept.events if isinstance(e, SourceState)], failures[-1]


def test_waits_grow_until_data_flows_and_not_merely_until_a_line_opens() -> None:
    stop, _, _ = run("fffcfdff")
    assert stop.asked_s == [0.5, 1.0, 2.0, 4.0, 8.0, 0.5, 1.0, 2.0]


def test_a_state_is_told_when_it_changes_and_not_at_every_attempt() -> None:
    _, states, failure = run("fffcff")
    assert states == ["starting", "retrying", "connected", "retrying", "ended"]
    assert failure == ""


def test_the_policy_counts_only_until_the_first_connection() -> None:
    assert run("f", on_start=OnStart.IGNORE)[1:] == (["starting", "failed"], "")
    assert run("f", on_start=OnStart.FAIL)[2] == "source s could not start: lost"
    assert run("cff", on_start=OnStart.FAIL)[1:] == (["starting", "connected", "retrying", "ended"], "")


def test_a_state_waits_for_room_in_a_full_outbox() -> None:
    stop, states, _ = run("", kept=Kept(refusals=2))
    assert stop.asked_s == [7.0, 7.0]
    assert states == ["starting", "ended"]


@given(st.integers(), st.floats(0.5, 100))
def test_waits_are_capped_and_never_nothing(seed: int, cap_s: float) -> None:
    found = list(islice(delays_s(random.Random(seed), cap_s=cap_s), 20))
    assert all(0.25 <= delay <= cap_s for delay in found)
    assert found[-1] >= cap_s / 2
