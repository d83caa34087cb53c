from pathlib import Path

import numpy as np

from store.accounts import problems
from store.box import DuckStore
from store.port import Commit
from wire.messages import Batch, Frame

LANE = "0" * 32


def frame(device: str, channels: tuple[str, ...], rows: dict[int, tuple[float, ...]]) -> Frame:
    t_ns = np.array(sorted(rows), "<i8")
    values = np.array([rows[t] for t in sorted(rows)], "<f8")
    return Frame(device, channels, t_ns.tobytes(), values.tobytes())


def test_what_was_written_is_read_back_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "box.duckdb"
    first = frame("pump", ("flow", "heat"), {10: (1.0, 2.0), 30: (3.0, float("nan"))})
    late = frame("pump", ("heat",), {20: (7.0,), 30: (9.0,)})
    with DuckStore(path=path) as store:
        store.write(Commit(5, [Batch("edge", LANE, 1, 30, frames=(first,))], [], {"core": b"one", "old": b"x"}))
        store.write(Commit(6, [Batch("edge", LANE, 2, 31, frames=(late,))], [], {"core": b"two", "old": b""}))
    with DuckStore(path=path) as store:
        series = store.readings("pump", start_ns=0, end_ns=100)
        assert series.t_ns == [10, 20, 30]
        assert series.columns == {"flow": [1.0, None, 3.0], "heat": [2.0, 7.0, 9.0]}
        assert store.resume().cursor == 6
        assert store.resume().state == {"core": b"two"}
        assert problems(store.accounts(), store.counted()) == []
