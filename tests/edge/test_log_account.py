from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.clock import HandClock
from edge.lane import Draft, Group
from edge.log import SMALLEST_BYTES, LocalLog
from wire.envelope import unpack_input
from wire.messages import NS_PER_S, Batch, Frame, Gap

NOW = 1_790_000_000 * NS_PER_S
HOUR = 3600 * NS_PER_S

steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(1, 1500)),
        st.tuples(st.just("read"), st.integers(1, 5)),
        st.tuples(st.just("confirm"), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 3)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=40,
)


class Plant:
    """A writer and a reader over one small log, and what each of them counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._clock = HandClock(NOW)
        self._log = self._opened()
        self._next = 0
        self._after = 0
        self._hands: list[Batch] = []
        self.stored: list[Batch] = []

    def commit(self, rows: int) -> None:
        devices = ("d1", "d2")[: 1 + rows % 2]
        frames = tuple(self._frame(device, rows) for device in devices)
        self._log.commit(Group(clock_ns=self._clock.now_ns(), drafts=[Draft(frames)]))
        self._next += rows

    def read(self, limit: int) -> None:
        for entry in self._log.read(self._after, limit=limit, wait_s=0):
            batch = unpack_input(entry.body)
            assert isinstance(batch, Batch)
            self._hands.append(batch)
            self._after = entry.pos

    def confirm(self, _: int) -> None:
        self._log.confirm(self._after)
        self.stored += self._hands
        self._hands = []

    def restart(self, _: int) -> None:
        self.confirm(0)
        self._log.__exit__(None, None, None)
        self._log = self._opened()

    def pass_(self, hours: int) -> None:
        self._clock.pass_ns(hours * HOUR)

    def close(self) -> Counter[str]:
        self._log.commit(Group(clock_ns=self._clock.now_ns(), drafts=[Draft()]))
        while self._log.lane.waiting or self._after < self._log.status().last_pos:
            self.read(100)
            self.confirm(0)
        lane = self._log.lane
        assert (lane.waiting, lane.bytes, lane.rows) == (0, 0, lane.confirmed + lane.given_up)
        self._log.__exit__(None, None, None)
        return Counter({"rows": lane.rows, "given_up": lane.given_up})

    def _opened(self) -> LocalLog:
        log = LocalLog(self._path, edge="e", bytes_bound=SMALLEST_BYTES, age_ns=4 * HOUR, clock=self._clock)
        return log.__enter__()

    def _frame(self, device: str, rows: int) -> Frame:
        numbers = range(self._next, self._next + rows)
        times = array("q", (NOW + n for n in numbers))
        return Frame(device, ("n",), times.tobytes(), array("d", numbers).tobytes())


@given(steps)
@settings(max_examples=40, deadline=None)
def test_whatever_happens_every_row_is_stored_once_or_counted_in_a_gap(found: Sequence[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        plant = Plant(Path(folder) / "log.sqlite")
        verbs = {"commit": plant.commit, "read": plant.read, "confirm": plant.confirm, "restart": plant.restart}
        for verb, number in found:
            {**verbs, "pass": plant.pass_}[verb](number)
        counts = plant.close()
    kept = Counter((f.device, t) for b in plant.stored for f in b.frames for t in array("q", f.t_ns))
    gaps = [event for batch in plant.stored for event in batch.events if isinstance(event, Gap)]
    assert set(kept.values()) <= {1}
    assert sum(gap.rows for gap in gaps) == counts["given_up"] == counts["rows"] - kept.total()
    assert [b.seq for b in plant.stored] == sorted({b.seq for b in plant.stored})
