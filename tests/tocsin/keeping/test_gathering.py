"""What a candidate is judged by is the same whoever asks: the keeper, and the command of files and over the API."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from dashboards.console.server import Console
from models.catalogue.run_table import run_table
from models.judging.gate import Check, Ruling
from models.reading.sheets import Sheet
from models.recipe import Recipe, changed
from models.registry.folder import Registry
from tests.console.fakes import Answering, Plant
from tests.tocsin.keeping import test_look
from tests.tocsin.keeping.workshop import BEGUN_NS, EDGE, HOUR_NS, Workshop
from tocsin.keeping.job import Job, read, write
from tocsin.keeping.judging import evidence_sheets
from tocsin.keeping.portions import gathered
from tocsin.keeping.work import KINDS
from tocsin.modelling.gating import contenders, ruled
from tocsin.modelling.gating_history import recorded
from tocsin.modelling.place import ModelError
from tocsin.modelling.sheets import sheets
from tocsin.modelling.training import Wish, make
from tocsin.reaching.at_hand import AtHand
from tocsin.reaching.client import Client
from tocsin.reaching.over_api import OverApi
from wire.config import ModelRule
from wire.messages import Label, Meaning, Origin, Run
from wire.settings import load

PUMP, CALLS = "pump", "servo-calls"
SECOND_NS = 1_000_000_000
SINCE_NS = BEGUN_NS + 48 * HOUR_NS
SERVO: Recipe = changed(test_look.RECIPE, {"columns.weight": ["weight"]})
CONFIG = """
site = "hall"
store = "duckdb:store.duckdb"
registry = "folder:models"
[[edge.sources]]
type = "host"
[[devices]]
match = "pump-*"
model = "pump"
every = "30s"
running_when = "current > 0.5"
[[procedures]]
match = "servo*"
model = "servo-calls"
"""


def ended(number: int, rng: np.random.Generator, procedure: str, **fields: object) -> Run:
    """A run on a bench, every minute from the time on in which candidates are judged."""
    made, at_ns = test_look.run(number, rng), SINCE_NS + (number - 60) * 60 * SECOND_NS
    when = {"started_ns": at_ns, "ended_ns": at_ns + 30 * SECOND_NS, "changed_ns": at_ns + 30 * SECOND_NS}
    return msgspec.structs.replace(made, procedure=procedure, edge=EDGE, **{**when, **fields})


def word(of: Run, meaning: Meaning, name: str, *, who: str = "test", later: int = 0, gone: str = "") -> Label:
    origin, at_ns = Origin(EDGE, "labelled", 0), of.ended_ns + later
    return Label(name, origin, EDGE, meaning, of.started_ns, of.ended_ns, who, at_ns, run=of.run, withdrawn_by=gone)


def benches(seed: int) -> list[Run | Label]:
    """Runs of two procedures of one pattern: tested, stopped, control, labelled by hand, taken back, tested again."""
    rng = np.random.default_rng(seed)
    out: list[Run | Label] = []
    for number in range(240):
        procedure = ("servo-a", "servo-b", "other")[number % 3]
        one = ended(number, rng, procedure, run=f"r{number}" if number % 31 else f"r/{number} again")
        if number % 7 == 0:
            one = msgspec.structs.replace(one, would_stop_at="S1", stopped_at="S1", state="aborted")
        elif number % 29 == 0:
            one = msgspec.structs.replace(one, would_stop_at="S1", control=True, weight=20.0)
        if number % 31 == 0 and number:
            one = msgspec.structs.replace(one, retest_of=f"r{number - 3}", unit=f"u{number - 3}")
        out.append(one)
        if one.state in {"pass", "fail"}:
            out.append(
                word(one, "fail" if one.state == "fail" else "pass", f"t{number}", gone="ben" * (number % 41 == 1))
            )
        if number % 28 == 0 or number % 13 == 0:  # some of those that were stopped, and some others
            out.append(word(one, "fail", f"h{number}", who="ana", later=HOUR_NS))
    return out


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A store of a pump and of benches, with two versions of the models of both."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOCSIN_MLFLOW", "off")
        shop = Workshop(tmp_path_factory.mktemp("plant"))
        (shop.folder / "tocsin.toml").write_text(CONFIG)
        with shop.store:
            _lives(shop)
            shop.write(*benches(3))
            rng = np.random.default_rng(5)
            for count in (400, 300):
                learnt = [test_look.run(number, rng) for number in range(count)]
                make(Wish(recipe=SERVO, name=CALLS), sheets(run_table(learnt), SERVO.columns), shop.registry)
            yield shop


def _lives(shop: Workshop) -> None:
    """A pump that people said much of: true and false alarms, words of two people on the same rows, maintenance."""
    t_ns, values = shop.lives(48)
    shop.trained(t_ns, values)
    shop.trained(t_ns[:-500], values[:-500])
    first_ns = shop.now_ns
    shop.lives(6, off={"flow": 40.0})
    shop.lives(6)
    alarm = shop.rings(first_ns, first_ns + 2 * HOUR_NS)
    shop.rings(first_ns + 7 * HOUR_NS, first_ns + 8 * HOUR_NS, name="nobody judged it")
    shop.says("anomaly", first_ns, first_ns + HOUR_NS, name="true", alarm=alarm.id)
    shop.says("anomaly", first_ns + HOUR_NS, first_ns + 5 * HOUR_NS, name="by hand")
    shop.says("normal", first_ns + 4 * HOUR_NS, first_ns + 9 * HOUR_NS, name="over the same")
    shop.says("anomaly", first_ns + 9 * HOUR_NS, first_ns + 10 * HOUR_NS, name="taken back", gone="ana")
    shop.says("anomaly", first_ns + 10 * HOUR_NS, first_ns + 11 * HOUR_NS, name="denied", gone="ben")
    shop.says("maintenance", first_ns + 11 * HOUR_NS, first_ns + 12 * HOUR_NS, name="oil")


def job(name: str, shop: Workshop) -> Job:
    return Job(
        kind="judge", name=name, recipe=str(shop.folder / "pump.toml"), called="", registry=shop.registry.url,
        memory=ModelRule(name=name, recipe="").memory, why="", champion=1, candidate=2,
        at_ns=shop.now_ns, since_ns=SINCE_NS,
    )  # fmt: skip


def same(some: Sequence[Sheet], others: Sequence[Sheet]) -> None:
    assert [sheet.name for sheet in some] == [sheet.name for sheet in others]
    for one, other in zip(some, others, strict=True):
        pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)


def checks(ruling: Ruling) -> list[Check]:
    """But for how fast it was just now."""
    return [check for check in ruling.checks if check.what != "speed"]


def iso(t_ns: int) -> str:
    return f"{np.datetime_as_string(np.datetime64(t_ns, 'ns'), unit='s')}Z"


@pytest.mark.parametrize("name", [PUMP, CALLS])
def test_keeper_and_command_judge_by_the_same_rows_to_the_bit_of_files_and_over_the_api(
    name: str, shop: Workshop, tmp_path: Path
) -> None:
    loaded, where = load(shop.folder / "tocsin.toml"), Registry.open(shop.registry.url)
    new, old = contenders(f"{name}@2", where)
    kept, asked = tmp_path / "kept", tmp_path / "asked"
    kept.mkdir()
    asked.mkdir()
    keeps = gathered(loaded.config, job(name, shop), AtHand(shop.store), kept, start_ns=SINCE_NS)
    rows = evidence_sheets(keeps, new.recipe, kept)
    ruling = ruled(new, old, rows)
    assert rows
    assert {check.what for check in checks(ruling)} >= {"ap", "speaks"}

    with Console(shop.store, Answering(Plant()), listen="127.0.0.1:0", page=False) as console:
        api = OverApi(Client(console.url.removeprefix("http://")))
        told = gathered(loaded.config, job(name, shop), api, asked, start_ns=SINCE_NS)
        over_api = evidence_sheets(told, new.recipe, asked)
    same(rows, over_api)
    assert [portion.spans for portion in told.portions] == [portion.spans for portion in keeps.portions]

    write(kept, keeps)
    assert read(kept) == keeps
    said = KINDS["judge"](keeps, kept)
    assert said.ok is ruling.passed
    told_checks = [check.sentence for check in checks(ruling) if check.passed is ruling.passed]
    assert [each for each in said.says.split("; ") if "rows a second" not in each] == told_checks

    from_files = _of_a_stopped_box(shop, tmp_path / "stopped", name, new.recipe)
    same(rows, from_files)
    assert checks(ruled(new, old, from_files)) == checks(ruling)


def _of_a_stopped_box(shop: Workshop, folder: Path, name: str, recipe: Recipe) -> list[Sheet]:
    """As a command finds the same store where no box runs."""
    folder.mkdir()
    for file in shop.folder.glob("*store.duckdb*"):
        shutil.copy(file, folder)
    shutil.copy(shop.folder / "tocsin.toml", folder)
    return recorded(load(folder / "tocsin.toml"), name, recipe, start=iso(SINCE_NS), end=iso(shop.now_ns))


def test_runs_of_before_and_after_and_words_that_were_taken_back_are_no_evidence(
    shop: Workshop, tmp_path: Path
) -> None:
    loaded = load(shop.folder / "tocsin.toml")
    asked = msgspec.structs.replace(job(CALLS, shop), at_ns=SINCE_NS + 60 * 60 * SECOND_NS)
    found = gathered(loaded.config, asked, AtHand(shop.store), tmp_path, start_ns=0)
    assert [each.procedure for each in found.runs] == ["servo-a", "servo-b"]
    runs = pd.concat([pd.read_parquet(tmp_path / each.file) for each in found.runs])
    numbers = {int(re.sub(r"\D", "", name)) for name in runs["run"]}
    assert min(numbers) >= 60
    assert max(numbers) < 120
    assert 83 not in numbers, "its test was taken back, and nobody said more"
    assert not {number for number in numbers if number % 7 == 0}, "of those that were stopped too few were looked at"


def test_a_model_of_which_the_store_has_nothing_says_so(shop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nothing between these times"):
        _of_a_stopped_box(shop, tmp_path / "stopped", "nobody", SERVO)
