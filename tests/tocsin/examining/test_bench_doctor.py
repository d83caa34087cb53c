"""What doctor says of test benches, of a store and over the API of a running box."""

import httpx
import msgspec
import pytest

from tests.console.fakes import Plant
from tests.store.benches import MINUTE_NS, advice, over, run
from tests.store.plant import START_NS
from tests.tocsin.plant import QUIET, tocsin, told, write
from tests.tocsin.test_bench_box import START, said
from tocsin.examining.bench_doctor import of_reader
from tocsin.roles.box import Box
from wire.config import Config, Procedure
from wire.settings import load

NOW_NS = START_NS + 20 * MINUTE_NS


def _said(plant: Plant, *rules: Procedure) -> list[str]:
    found = list(of_reader(plant, Config(procedures=rules), NOW_NS))
    assert not any(one.bad for one in found)
    return [f"{one.what} {one.detail}" for one in found]


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    runs = [run("r9", source="mqtt-1"), over("r1", "fail"), over("r2", "pass", station="", procedure="")]
    plant.tested = {(one.edge, one.run): one for one in runs}
    return plant


def test_it_says_when_each_station_was_last_heard_and_which_runs_are_open_there(plant: Plant) -> None:
    plant.advised = [advice("r9", "S05", 5)]
    lines = _said(plant)
    assert lines[0].endswith("of edge edge: last heard of 17 min ago, no run open")
    assert "a station that does not say its name" in lines[0]
    assert lines[1] == "station press, left of edge edge: last heard of 15 min ago by mqtt-1, 1 run open: r9"


def test_it_says_which_procedures_have_no_model_and_what_is_lacking(plant: Plant) -> None:
    def line(*rules: Procedure) -> str:
        return _said(plant, *rules)[2]

    assert line().endswith("0 passed, 1 failed; no model, and 29 failures are still needed to train one")
    enough = Procedure(match="*", needed_failures=1)
    assert "no model, though there are failures enough: tocsin data export --runs 'end of line'" in line(enough)
    assert "model eol has called no run yet" in line(msgspec.structs.replace(enough, model="eol"))
    assert "advice is off" in line(Procedure(match="*", advice="off"))
    plant.advised = [advice("r9", "S05", 5, model="eol", model_version=3, mode="on")]
    assert line(enough).endswith("model eol version 3, advice on")


def test_a_procedure_of_the_config_that_no_run_was_seen_of_may_be_misspelt(plant: Plant) -> None:
    lines = _said(plant, Procedure(match="end off line"), Procedure(match="end*"))
    assert lines[3:] == ["procedure end off line: named in the config, and no run of it was seen: is it spelt so?"]


def test_a_box_says_the_same_running_and_stopped(tmp_path_factory: pytest.TempPathFactory) -> None:
    config = write(tmp_path_factory.mktemp("box"), QUIET)

    def examined() -> list[str]:
        found = told(tocsin("doctor", "--json", "-c", config))
        return [str(one["detail"]) for one in found if one["what"] in {"station", "procedure"}]

    with Box(load(config)) as box, httpx.Client(base_url=box.serve(), timeout=60) as client:
        said(client, "/runs", run="r1", **START)
        said(client, "/runs/r1/steps/S1?wait_ms=10000")
        running = examined()
        assert box.drained(60)
    stopped = examined()
    for lines in (running, stopped):
        assert lines[0].startswith("press of edge edge-1: last heard of ")
        assert lines[0].endswith("by http, 1 run open: r1")
        assert lines[1].startswith("end of line: 0 passed, 0 failed; no model, and 30 failures")
