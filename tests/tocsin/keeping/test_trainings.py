import fcntl
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.processes import until
from models.registry.errors import ModelMissingError
from models.registry.folder import CANDIDATE, CHAMPION, Registry
from tests.tocsin.keeping.workshop import DEVICE, HOUR_NS, NAME, Workshop
from tocsin.keeping import shown as showing
from tocsin.keeping.diary import Page
from tocsin.keeping.process import PREFIX
from tocsin.keeping.shown import Shown
from tocsin.keeping.trainings import ASKED, LOUD_S, Trainings
from tocsin.keeping.work import LOCK
from wire.messages import ModelChange

DEADLINE_S = 60.0


class Clock:
    """Seconds that pass when a test says so."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """A workshop and the trainings of its model; each turn is looked at until what is under way is over."""

    def __init__(self, folder: Path, rule: Mapping[str, object]) -> None:
        self.shop = Workshop(folder, **rule)  # type: ignore[arg-type]  # fields of the rule
        self.clock = Clock()
        self.trainings = self.anew()
        self.page = Page()

    def anew(self) -> Trainings:
        return Trainings(
            self.shop.config,
            reader=self.shop.store,
            inbox=self.shop.inbox,
            registry=lambda: Registry.open(self.shop.registry.url),
            registry_url=self.shop.registry.url,
            recipe_at=lambda written: str(self.shop.folder / written),
            folder=self.shop.folder / "keeping",
            clock_s=self.clock,
        )

    def train(self, why: str = "a test wants it") -> Page:
        self.page = self.trainings.train(self.shop.rule, self.page, self.shop.now_ns, why=why)
        return self.over()

    def judge(self) -> Page:
        self.page = self.trainings.tried(
            self.shop.rule, self.page, self.shop.now_ns, champion=1, candidate=2, since_ns=self.shop.now_ns
        )
        return self.over()

    def over(self) -> Page:
        def done() -> bool:
            self.page = self.trainings.over(self.shop.rule, self.page, self.shop.now_ns)
            return not self.page.begun_ns

        until(done, within_s=DEADLINE_S, what="the end of a training")
        return self.page

    @property
    def folder(self) -> Path:
        return self.shop.folder / "keeping"

    def left(self) -> list[Path]:
        return list(self.folder.glob(f"{PREFIX}*"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Bench]:
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    bench = Bench(tmp_path, getattr(request, "param", {}))
    with bench.shop.store:
        bench.shop.lives(48)
        yield bench
        bench.trainings.end()


def test_a_model_is_trained_from_the_store_and_its_manifest_says_from_which_rows_and_labels(bench: Bench) -> None:
    shop = bench.shop
    first_ns = shop.now_ns
    shop.lives(2, off={"flow": 80.0})
    shop.rings(first_ns, first_ns + HOUR_NS // 2)
    shop.says("anomaly", first_ns, shop.now_ns, name="l1")
    shop.says("normal", first_ns, shop.now_ns, name="l0", gone="bea")
    page = bench.train()
    assert page.last is not None
    assert (page.last.ended, page.last.version) == ("candidate", 1)
    entry = shop.registry.entry(NAME)
    facts = entry.manifest.facts
    assert facts.made_at_ns == shop.now_ns
    assert facts.recipe == "pump.toml"
    assert facts.data.labels == ("l1",)
    (source,) = facts.data.sources
    assert (source.name, source.device) == (f"device:{DEVICE}", DEVICE)
    assert source.from_ns is not None
    assert source.to_ns is not None
    assert shop.now_ns - 51 * HOUR_NS < source.from_ns < source.to_ns < shop.now_ns
    assert showing.read(bench.folder, NAME).words == {"l1", "l0 withdrawn"}
    assert showing.read(bench.folder, NAME).made_ns == facts.made_at_ns
    assert facts.data.counts["1"] > 0
    assert facts.data.rows == source.rows == sum(facts.data.counts.values())
    assert bench.left() == []


def test_of_a_device_that_drifted_only_what_came_since_is_learnt_and_judged_by(bench: Bench) -> None:
    shop = bench.shop
    since_ns = shop.now_ns
    shop.lives(12)
    bench.page = Page(since={DEVICE: since_ns})
    page = bench.train()
    assert page.last is not None
    (source,) = shop.registry.entry(NAME).manifest.facts.data.sources
    assert source.from_ns is not None
    assert since_ns <= source.from_ns < since_ns + HOUR_NS
    assert page.since == {DEVICE: since_ns}


def test_it_works_last_in_line_within_its_memory_and_as_one_thread(bench: Bench) -> None:
    bench.page = bench.trainings.train(bench.shop.rule, bench.page, bench.shop.now_ns, why="")
    child = psutil.Process(_pid(bench))
    until(lambda: child.nice() == 19, within_s=DEADLINE_S, what="the process to be humble", every_s=0.01)
    until(lambda: _limit(child) == bench.shop.rule.memory, within_s=DEADLINE_S, what="its bound", every_s=0.01)
    assert child.environ()["OMP_NUM_THREADS"] == "1"
    again = bench.trainings.train(bench.shop.rule, bench.page, bench.shop.now_ns, why="another")
    assert again == bench.page


def _limit(child: psutil.Process) -> int:
    return child.rlimit(resource.RLIMIT_DATA)[0]


def _pid(bench: Bench) -> int:
    (child,) = [each for each in psutil.Process().children() if "tocsin.keeping.work" in " ".join(each.cmdline())]
    assert str(bench.folder) in " ".join(child.cmdline())
    return child.pid


@pytest.mark.parametrize("bench", [{"memory": 60_000_000}], indirect=True)
def test_one_that_needs_more_memory_fails_and_nothing_is_stored(bench: Bench) -> None:
    page = bench.train()
    assert page.last is not None
    assert (page.last.ended, page.failures) == ("failed", 1)
    assert bench.shop.registry.names() == []
    assert bench.left() == []


def test_after_each_failure_the_next_training_waits_twice_as_long_and_a_day_at_most(bench: Bench) -> None:
    waits = []
    bench.shop.store.__exit__(None, None, None)  # nothing can be read any more
    for _ in range(6):
        page = bench.train()
        assert page.last is not None
        assert page.last.ended == "failed"
        waits.append((page.not_before_ns - bench.shop.now_ns) // HOUR_NS)
    assert waits == [2, 4, 8, 16, 24, 24]
    assert bench.left() == []


def test_lives_are_not_learnt_from_a_store_and_the_reason_is_kept(bench: Bench) -> None:
    (bench.shop.folder / "pump.toml").write_text("task = 'life'")
    page = bench.train()
    assert page.last is not None
    assert "which maintenance ended a life" in page.last.says
    assert "train by hand" in page.last.says


def test_one_that_is_killed_while_it_stores_its_version_harms_nothing(bench: Bench) -> None:
    shop = bench.shop
    shop.trained(*shop.lives(24))
    bench.page = bench.trainings.train(shop.rule, bench.page, shop.now_ns, why="")
    claimed = Path(shop.registry.url) / NAME / "2"
    until(claimed.exists, within_s=DEADLINE_S, what="its version to be claimed", every_s=0.001)
    os.kill(_pid(bench), signal.SIGKILL)
    page = bench.over()
    assert page.last is not None
    assert (page.last.ended, page.last.says[:22]) == ("failed", "it ended with signal 9")
    assert shop.registry.versions(NAME) == [1]
    assert shop.registry.aliases(NAME) == {CHAMPION: 1}
    shop.registry.load(NAME)
    with pytest.raises(ModelMissingError):
        shop.registry.entry(NAME, 2)
    assert bench.left() == []
    assert shop.trained(*shop.lives(24)).model.detector.version == 3


DEADLY = """
import os, signal, sys
from pathlib import Path
from models.registry.folder import Registry
from models.registry.place import Local
from models.watching.reference import FILE

class Deadly(Local):
    left = 0
    def write(self, path, content):
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1
        super().write(path, content)

registry = Registry.open(sys.argv[1])
model, entry = registry.load("pump"), registry.entry("pump")
files = {name: registry.file(entry, name) for name in ("card.md", FILE)}
for writes in range(20):
    child = os.fork()
    if not child:
        place = Deadly(Path(sys.argv[1]))
        place.left = writes
        Registry(place).save(model, entry.manifest.recipe, entry.manifest.facts, files=files)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), Registry.open(sys.argv[1]).versions("pump"), flush=True)
    if os.WIFEXITED(status):
        break
"""


def test_killed_before_any_of_its_writes_a_training_leaves_every_version_whole(bench: Bench) -> None:
    shop = bench.shop
    shop.trained(*shop.lives(24))
    done = subprocess.run(
        [sys.executable, "-c", DEADLY, shop.registry.url], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    lines = done.stdout.splitlines()
    assert lines == [
        "-9 [1]",  # before the card,
        "-9 [1]",  # the reference,
        "-9 [1]",  # what it learnt,
        "-9 [1]",  # its manifest
        "-9 [1, 6]",  # and before it is named as candidate
        "0 [1, 6, 7]",
    ]
    for version in shop.registry.versions(NAME):
        shop.registry.load(NAME, version)
    assert shop.registry.aliases(NAME) == {CHAMPION: 1, CANDIDATE: 7}


ALONE = """
import sys, time
from pathlib import Path
from models.registry.folder import Registry
from store.box.box import DuckStore
from tocsin.keeping.diary import Page
from tocsin.keeping.trainings import Trainings
from wire.config import Config, ModelRule

folder = Path(sys.argv[1])
rule = ModelRule(name="pump", recipe="pump.toml")
store = DuckStore(path=folder / "another.duckdb")
store.__enter__()
work = Trainings(
    Config(models=(rule,)), reader=store, inbox=None, registry=lambda: Registry.open(str(folder / "models")),
    registry_url=str(folder / "models"), recipe_at=lambda written: str(folder / written), folder=folder / "keeping",
)
work.train(rule, Page(), time.time_ns(), why="", files=(str(folder / "rows.parquet"),))
print(work._process.pid, flush=True)
time.sleep(60)
"""


def test_a_training_ends_with_its_box_also_where_that_is_killed(bench: Bench) -> None:
    shop = bench.shop
    shop.store.export(DEVICE, shop.folder / "rows.parquet", form="parquet")
    box = subprocess.Popen(
        [sys.executable, "-c", ALONE, str(shop.folder)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert box.stdout is not None
    pid = int(box.stdout.readline())
    box.kill()
    box.wait()
    box.stdout.close()
    until(lambda: not psutil.pid_exists(pid), within_s=DEADLINE_S, what="the training to end", every_s=0.01)
    assert shop.registry.versions(NAME) == []


DEADLY_STEPS = """
import itertools, json, os, shutil, signal, sys
from pathlib import Path
from models.registry.folder import Registry
from models.registry.place import Local
from store.box.box import DuckStore
from tests.tocsin.keeping.workshop import Workshop
from tocsin.keeping import diary as diaries
from tocsin.keeping.diary import Diary, Page, Ruling
from tocsin.keeping.keeper import Keeper
from tocsin.keeping.trainings import Trainings

folder, passes = Path(sys.argv[1]), sys.argv[2] == "passes"
shop = Workshop(folder, promote="gate", shadow_for_ns=0)
with shop.store:
    rows = shop.lives(24)
    shop.trained(*rows)
    shop.trained(*rows)
ruling = Ruling(2, passes, "as the gate says", "version 2 was tried")
diaries.write(folder / "keeping", Diary({"pump": Page(begun_ns=1, judging=2, ruling=ruling)}))
for name in ("models", "keeping"):
    shutil.copytree(folder / name, folder / "before" / name)
left = 10**6

def step():
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1

class Deadly(Local):
    def write(self, path, content):
        step()
        super().write(path, content)

class Inbox:
    def append(self, message):
        step()
        with (folder / "said").open("a") as file:
            print(message.id, file=file)
        return 1

def written(at, diary, write=diaries.write):
    step()
    write(at, diary)

diaries.write = written

def life():
    place, seconds = Deadly(folder / "models"), itertools.count(step=100)
    with DuckStore(path=folder / "store.duckdb", read_only=True) as store:
        work = Trainings(
            shop.config, reader=store, inbox=Inbox(), registry=lambda: Registry(place),
            registry_url=str(folder / "models"), recipe_at=str, folder=folder / "keeping",
            clock_s=lambda: float(next(seconds)),
        )
        keeper = Keeper(
            shop.config, reader=store, inbox=Inbox(), registry=lambda: Registry(place), trainings=work,
            folder=folder / "keeping", clock_ns=lambda: shop.now_ns,
        )
        for _ in range(3):
            keeper.turn()

def done(most):
    global left
    left = most
    child = os.fork()
    if not child:
        life()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

for writes in range(30):
    for name in ("models", "keeping"):
        shutil.rmtree(folder / name)
        shutil.copytree(folder / "before" / name, folder / name)
    (folder / "said").unlink(missing_ok=True)
    code = done(writes)
    assert done(10**6) == 0
    registry, page = Registry(Local(folder / "models")), diaries.read(folder / "keeping").page("pump")
    said = (folder / "said").read_text().split() if (folder / "said").exists() else []
    steps = [(step.alias, step.new, step.who) for step in registry.history("pump")]
    told = [registry.aliases("pump"), steps, page.last.ended, page.failures, page.begun_ns, len(set(said))]
    print(json.dumps([code, told]), flush=True)
    if code == 0:
        break
"""


@pytest.mark.parametrize("ruling", ["passes", "fails"])
def test_killed_before_any_step_of_what_the_gate_said_it_is_done_once_and_the_diary_says_so(
    tmp_path: Path, ruling: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEADLY_STEPS, str(tmp_path), ruling],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path.cwd(),
        env={**os.environ, "TOCSIN_MLFLOW": "off"},
    )
    lives = [json.loads(line) for line in done.stdout.splitlines()]
    codes = [code for code, _ in lives]
    assert codes == [-signal.SIGKILL] * (len(lives) - 1) + [0]
    assert len(lives) > 4
    promoted = [{CHAMPION: 2, CANDIDATE: 2}, [[CHAMPION, 2, "gate"]], "promoted", 0, 0, 0]
    refused = [{CHAMPION: 1}, [], "refused", 1, 0, 1]
    assert [told for _, told in lives] == [promoted if ruling == "passes" else refused] * len(lives)


def test_a_training_that_stored_its_version_before_the_box_was_killed_is_told_as_done(bench: Bench) -> None:
    shop = bench.shop
    bench.page = bench.trainings.train(shop.rule, bench.page, shop.now_ns, why="")
    until(lambda: shop.registry.versions(NAME) == [1], within_s=DEADLINE_S, what="its version", every_s=0.01)
    bench.trainings.end()
    bench.trainings = bench.anew()
    page = bench.over()
    assert page.last is not None
    assert (page.last.ended, page.last.version, page.failures) == ("candidate", 1, 0)


def test_what_was_under_way_when_the_box_ended_is_told_as_lost_and_swept_away(bench: Bench) -> None:
    bench.page = bench.trainings.train(bench.shop.rule, bench.page, bench.shop.now_ns, why="")
    bench.trainings.end()
    (bench.folder / f"{PREFIX}left").mkdir()
    bench.trainings = bench.anew()
    assert bench.left() == []
    page = bench.over()
    assert page.last is not None
    assert page.last.says.startswith("it was killed")
    assert showing.read(bench.folder, NAME) == Shown()
    assert page.failures == 1


def test_two_never_train_at_once_even_from_two_processes(bench: Bench) -> None:
    bench.folder.mkdir(exist_ok=True)
    with (bench.folder / LOCK).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        page = bench.train()
    assert page.last is not None
    assert (page.last.ended, page.last.says) == ("failed", "another training is under way")
    assert bench.shop.registry.names() == []


@pytest.mark.parametrize("bench", [{"promote": "gate", "shadow_for_ns": 0}], indirect=True)
def test_the_gate_lets_a_candidate_in_that_is_no_worse(bench: Bench) -> None:
    shop = bench.shop
    rows = shop.lives(48)
    shop.trained(*rows)
    shop.trained(*(np.concatenate(parts) for parts in zip(rows, shop.lives(24), strict=True)))
    shop.lives(24)
    page = bench.judge()
    assert page.last is not None
    assert (page.last.ended, page.failures) == ("promoted", 0), page.last.says
    assert shop.registry.aliases(NAME)[CHAMPION] == 2
    step = shop.registry.history(NAME)[-1]
    assert (step.alias, step.who, step.old, step.new) == (CHAMPION, "gate", 1, 2)


@pytest.mark.parametrize("bench", [{"promote": "gate", "shadow_for_ns": 0}], indirect=True)
def test_the_gate_refuses_what_was_trained_on_flipped_labels_and_an_alarm_says_so(bench: Bench) -> None:
    shop = bench.shop
    begun_ns = shop.now_ns
    shop.trained(*shop.lives(48))
    worn_ns = shop.now_ns
    shop.lives(12, off={"vibration_rms": 3.0, "temperature": 12.0})
    shop.says("normal", worn_ns, shop.now_ns, name="l2")
    shop.says("anomaly", begun_ns - 48 * HOUR_NS, worn_ns - 1, name="l3")
    assert bench.train().failures == 0
    shop.lives(12)
    page = bench.judge()
    assert page.last is not None
    assert (page.last.ended, page.failures) == ("refused", 1)
    assert shop.registry.aliases(NAME) == {CHAMPION: 1}
    assert shop.inbox.given == []
    bench.clock.now_s = LOUD_S
    bench.over()
    (change,) = shop.inbox.given
    assert isinstance(change, ModelChange)
    assert (change.role, change.version) == ("candidate", 2)
    assert "refused by the gate" in change.trouble


@pytest.mark.parametrize("bench", [{"promote": "gate", "shadow_for_ns": 0}], indirect=True)
def test_a_candidate_whose_file_is_damaged_is_refused_and_keeps_no_other_from_being_trained(bench: Bench) -> None:
    shop = bench.shop
    rows = shop.lives(24)
    shop.trained(*rows)
    shop.trained(*rows)
    payload = Path(shop.registry.url) / NAME / "2" / "payload.skops"
    payload.write_bytes(payload.read_bytes()[:-1])
    page = bench.judge()
    assert page.last is not None
    assert page.last.ended == "refused"
    assert "other bytes" in page.last.says
    assert shop.registry.aliases(NAME) == {CHAMPION: 1}


def test_a_candidate_that_waits_for_a_person_says_so(bench: Bench) -> None:
    page = bench.judge()
    assert (page.last, page.begun_ns) == (None, 0)
    assert page.waits == "version 2 is tried until a person says tocsin models promote pump@2"


def test_a_person_who_asks_is_heard_once(bench: Bench) -> None:
    bench.folder.mkdir(exist_ok=True)
    (bench.folder / f"{ASKED}{NAME}").touch()
    assert bench.trainings.asked(bench.shop.rule)
    bench.page = bench.trainings.train(bench.shop.rule, bench.page, bench.shop.now_ns, why="")
    bench.trainings.end()
    assert not bench.trainings.asked(bench.shop.rule)
