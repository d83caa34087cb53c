import base64
from array import array
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dashboards.console.server import Console
from models.catalogue.catalogued import Catalogued
from models.catalogue.ground import Ground
from models.catalogue.ledger import Ledger
from tests.console.fakes import T0, Plant, account
from tests.models.catalogue.plant import CONFIG
from wire.messages import NS_PER_S, Backtested, Batch
from wire.ports import FullError, Wish

LANE = "a" * 32


class Taken:
    """An inbox that keeps what it is given, until it is full."""

    def __init__(self) -> None:
        self.messages: list[Wish] = []
        self.full = False

    def append(self, message: Wish) -> int:
        if self.full:
            raise FullError(2.0)
        self.messages.append(message)
        return len(self.messages)


class Site:
    def __init__(self, folder: Path) -> None:
        self.plant, self.inbox = Plant(), Taken()
        self.plant.add("pump-1")
        self.plant.counts = [account()]
        self.ledger = Ledger(folder / "moved.jsonl")
        ground = Ground(reader=self.plant, config=CONFIG, moved=self.ledger.read, note=self.ledger.note)
        self.console = Console(
            self.plant,
            self.inbox,
            listen="127.0.0.1:0",
            now_ns=lambda: T0,
            catalogue=Catalogued(ground),
            page=False,
        )
        self.client = httpx.Client(base_url=self.console.start(), timeout=10)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path)
    yield found
    found.client.close()
    found.console.stop()


def packed(code: str, *values: float) -> str:
    return base64.b64encode(array(code, values).tobytes()).decode()


def times(*seconds: int) -> str:
    return base64.b64encode(array("q", [second * NS_PER_S for second in seconds]).tobytes()).decode()


def piece(**fields: object) -> dict[str, object]:
    given: dict[str, object] = {
        "edge": "edge-1",
        "device": "old-pump",
        "channels": ["flow", "load"],
        "t_ns": times(1, 2),
        "values": packed("d", 1.0, 2.0, 3.0, float("nan")),
        "lane": LANE,
        "seq": 1,
    }
    return given | fields


def scores(**fields: object) -> dict[str, object]:
    given: dict[str, object] = {
        "edge": "edge-1",
        "device": "pump-1",
        "model": "pump",
        "version": 2,
        "channels": ["flow"],
        "t_ns": times(1, 2),
        "score": packed("f", 0.5, 1.5),
    }
    return given | fields


def test_recorded_rows_are_a_late_batch_of_a_lane_of_their_own_with_their_own_times(site: Site) -> None:
    answer = site.client.post("/api/v1/imports", json=piece())
    assert (answer.status_code, answer.json()) == (202, {"id": f"{LANE}/1", "rows": 2})
    (batch,) = site.inbox.messages
    assert isinstance(batch, Batch)
    assert (batch.edge, batch.log, batch.seq, batch.late) == ("edge-1", LANE, 1, True)
    assert batch.clock_ns == 2 * NS_PER_S
    (frame,) = batch.frames
    assert (frame.device, frame.channels, frame.own_times) == ("old-pump", ("flow", "load"), True)
    assert list(array("q", frame.t_ns)) == [NS_PER_S, 2 * NS_PER_S]


def test_the_file_is_remembered_with_its_last_piece(site: Site) -> None:
    file = {"name": "raw.csv", "sha256": "b" * 64, "rows": 2, "from_ns": NS_PER_S, "to_ns": 2 * NS_PER_S}
    site.client.post("/api/v1/imports", json=piece(file=file))
    (moved,) = site.ledger.read()
    assert (moved.way, moved.file, moved.device, moved.rows) == ("imported", "raw.csv", "old-pump", 2)
    assert (moved.from_ns, moved.to_ns, moved.at_ns) == (NS_PER_S, 2 * NS_PER_S, T0)


def test_scores_of_recorded_rows_are_passed_on_as_a_backtest_and_the_same_ones_have_the_same_id(site: Site) -> None:
    first, again = (site.client.post("/api/v1/backtests", json=scores()) for _ in range(2))
    assert first.status_code == 202
    assert first.json() == again.json()
    tested = site.inbox.messages[0]
    assert isinstance(tested, Backtested)
    assert (tested.scores.model, tested.scores.version, tested.scores.role) == ("pump", 2, "backtest")
    assert list(array("f", tested.scores.score)) == [0.5, 1.5]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("imports", piece(edge="edge-9"), "There is no edge 'edge-9'"),
        ("imports", piece(t_ns=times(2, 1)), "times must strictly increase"),
        ("imports", piece(values=packed("d", 1.0)), "do not fit"),
        ("imports", piece(t_ns="?"), "expected base64"),
        ("imports", piece(lane="ZZ"), "lane"),
        ("imports", piece(seq=0), "seq"),
        ("imports", piece(t_ns=times(1, T0 // NS_PER_S + 1)), "yet to come"),
        ("imports", piece(channels=[]), "channels"),
        ("backtests", scores(device="pump-9"), "There is no device 'pump-9'"),
        ("backtests", scores(score=packed("f", 1.0)), "do not fit"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_taken(
    site: Site, path: str, body: dict[str, object], said: str
) -> None:
    refused = site.client.post(f"/api/v1/{path}", json=body)
    assert refused.status_code in {404, 422}
    assert said in refused.json()["detail"]
    assert site.inbox.messages == []


def test_while_too_much_waits_the_piece_is_to_be_sent_again(site: Site) -> None:
    site.inbox.full = True
    refused = site.client.post("/api/v1/imports", json=piece())
    assert refused.status_code == 503
    assert "again in 2 s" in refused.json()["detail"]
