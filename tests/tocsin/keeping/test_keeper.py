from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from models.catalogue.nodes import iso
from models.registry.folder import CANDIDATE, CHAMPION, Registry
from models.watching.reference import FILE
from tests.tocsin.keeping.workshop import DEVICE, EDGE, NAME, Workshop
from tocsin.keeping import shown as showing
from tocsin.keeping.diary import Page, Trained
from tocsin.keeping.keeper import Keeper
from tocsin.modelling.sheets import sheets
from tocsin.modelling.training import Wish, make
from wire.config import DAY_NS, ModelRule
from wire.messages import Watched

DAYS = 5
AT_ONCE = {"retrain": ("drift",), "after_drift_ns": 0}


class Trainings:
    """Notes what is to be trained; nothing ever comes of it by itself."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.files: tuple[str, ...] = ()
        self.judged: list[int] = []
        self.since_ns = 0
        self.wanted = False
        self.ended = False

    def asked(self, rule: ModelRule) -> bool:  # noqa: ARG002 -- there is one
        return self.wanted

    def train(self, rule: ModelRule, page: Page, now_ns: int, *, why: str, files: tuple[str, ...] = ()) -> Page:
        self.begun.append(why)
        self.files = files
        last = Trained(now_ns, "candidate", why, "")
        return msgspec.structs.replace(page, last=last, not_before_ns=now_ns + rule.check_every_ns)

    def tried(
        self,
        rule: ModelRule,  # noqa: ARG002 -- see above
        page: Page,
        now_ns: int,  # noqa: ARG002
        *,
        champion: int,  # noqa: ARG002
        candidate: int,
        since_ns: int,
    ) -> Page:
        self.judged.append(candidate)
        self.since_ns = since_ns
        return page

    def over(self, rule: ModelRule, page: Page, now_ns: int) -> Page:  # noqa: ARG002 -- see above
        return page

    def end(self) -> None:
        self.ended = True


def keeper(shop: Workshop, trainings: Trainings) -> Keeper:
    return Keeper(
        shop.config,
        reader=shop.store,
        inbox=shop.inbox,
        registry=lambda: Registry.open(shop.registry.url),
        trainings=trainings,
        folder=shop.folder / "keeping",
        clock_ns=lambda: shop.now_ns,
    )


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Workshop]:
    """A pump that has lived for days, and a champion that was trained on them."""
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    rule = getattr(request, "param", {"retrain": ("drift", "age", "labels", "data")})
    shop = Workshop(tmp_path, **rule)
    with shop.store:
        shop.trained(*shop.lives(24 * DAYS))
        yield shop


@pytest.fixture
def trainings() -> Trainings:
    return Trainings()


def told(shop: Workshop) -> list[Watched]:
    return [each for each in shop.inbox.given if isinstance(each, Watched)]


def widths(shop: Workshop, name: str, by: float) -> dict[str, float]:
    content = shop.registry.file(shop.registry.entry(NAME), FILE)
    from models.watching.reference import decoded  # noqa: PLC0415

    part = decoded(content).part(DEVICE)
    return {name: by * part.channels[shop.names.index(name)].width}


def test_drift_rings_once_starts_a_training_and_ends_when_all_is_as_before(
    shop: Workshop, trainings: Trainings
) -> None:
    watcher = keeper(shop, trainings)
    for _ in range(4):
        shop.lives(6)
        watcher.turn()
    assert told(shop) == []
    assert trainings.begun == []
    (looked,) = watcher.diary.page(NAME).looked
    assert (looked.device, looked.stands, looked.says) == (DEVICE, False, "all is as in training")
    off = widths(shop, "temperature", 1.0)
    hours = 0
    while not told(shop) and hours < 24:
        shop.lives(3, off=off)
        watcher.turn()
        hours += 3
    (alarm,) = told(shop)
    assert (alarm.edge, alarm.device, alarm.model, alarm.version) == (EDGE, DEVICE, NAME, 1)
    assert alarm.stands
    assert alarm.value > alarm.limit
    assert trainings.begun == []
    shop.lives(12, off=off)
    watcher.turn()
    assert watcher.diary.page(NAME).waits == (
        f"{DEVICE} drifts, but of since then it has 12h that can be learnt, and 1d are needed"
    )
    shop.lives(12, off=off)
    watcher.turn()
    found_ns = watcher.diary.page(NAME).ringing[0].from_ns
    assert alarm.at_ns == found_ns
    assert trainings.begun == [f"drift of {DEVICE}: {alarm.detail}; from {iso(found_ns)} on it is learnt anew"]
    assert watcher.diary.page(NAME).since == {DEVICE: found_ns}
    assert watcher.kept[NAME].startswith(f"{DEVICE} drifts: ")
    worst = watcher.diary.page(NAME).ringing[0]
    assert worst.device == DEVICE
    for _ in range(5):
        shop.lives(9)
        watcher.turn()
    assert [each.stands for each in told(shop)] == [True, False]
    assert watcher.diary.page(NAME).ringing == ()


def test_a_restart_says_nothing_again(shop: Workshop, trainings: Trainings) -> None:
    shop.lives(24, off=widths(shop, "flow", 1.0))
    keeper(shop, trainings).turn()
    assert len(told(shop)) == 1
    again = keeper(shop, trainings)
    shop.lives(2, off=widths(shop, "flow", 1.0))
    again.turn()
    assert len(told(shop)) == 1
    (shop.folder / "keeping" / "keeping.json").write_bytes(b"{")
    shop.lives(2, off=widths(shop, "flow", 1.0))
    keeper(shop, trainings).turn()
    assert [each.stands for each in told(shop)] == [True, True]


def test_drift_under_an_alarm_that_nobody_judged_waits_for_a_verdict(shop: Workshop, trainings: Trainings) -> None:
    begun_ns = shop.now_ns
    shop.lives(24, off=widths(shop, "flow", 1.0))
    watcher = keeper(shop, trainings)
    watcher.turn()
    shop.lives(24, off=widths(shop, "flow", 1.0))
    shop.rings(begun_ns, shop.now_ns)
    watcher.turn()
    assert trainings.begun == []
    assert "nobody judged" in watcher.diary.page(NAME).waits
    assert any("nobody judged" in note for note in watcher.notes)
    shop.says("normal", begun_ns, shop.now_ns, name="l1", alarm="a1")
    shop.lives(2, off=widths(shop, "flow", 1.0))
    watcher.turn()
    assert trainings.begun[0].startswith("drift")


@pytest.mark.parametrize("shop", [AT_ONCE], indirect=True)
def test_a_rule_that_waits_for_nothing_is_trained_at_once_on_the_whole_history(
    shop: Workshop, trainings: Trainings
) -> None:
    shop.lives(24, off=widths(shop, "flow", 1.0))
    watcher = keeper(shop, trainings)
    watcher.turn()
    (why,) = trainings.begun
    assert why.startswith(f"drift of {DEVICE}: ")
    assert "learnt anew" not in why
    assert watcher.diary.page(NAME).since == {}


@pytest.mark.parametrize("shop", [{"retrain": ("age",), "max_age_ns": 2 * DAY_NS}], indirect=True)
def test_age_starts_a_training(shop: Workshop, trainings: Trainings) -> None:
    watcher = keeper(shop, trainings)
    shop.lives(40)
    watcher.turn()
    assert trainings.begun == []
    shop.lives(12)
    watcher.turn()
    assert trainings.begun == ["version 1 is older than 2d"]


@pytest.mark.parametrize("shop", [{"retrain": ("data",)}], indirect=True)
def test_a_file_that_holds_something_else_now_starts_a_training_on_it(shop: Workshop, trainings: Trainings) -> None:
    file = shop.folder / "rows.parquet"
    shop.store.export(DEVICE, file, form="parquet")
    wish = Wish(recipe=shop.recipe, name=NAME, at_ns=shop.now_ns)
    made = make(wish, sheets(file, shop.recipe.columns), shop.registry)
    assert made.model.entry is not None
    shop.registry.point(NAME, CHAMPION, made.model.entry.version)
    shop.registry.drop(NAME, CANDIDATE)
    watcher = keeper(shop, trainings)
    watcher.turn()
    assert trainings.begun == []
    shop.lives(2)
    shop.store.export(DEVICE, file, form="parquet")
    watcher.turn()
    assert trainings.begun == [f"{file} is no longer what version 2 was trained on"]
    assert trainings.files == (str(file),)
    file.unlink()
    shop.lives(2)
    watcher.turn()
    assert len(trainings.begun) == 1


def test_a_device_that_another_model_watches_by_now_rings_no_more(shop: Workshop, trainings: Trainings) -> None:
    shop.lives(24, off=widths(shop, "flow", 1.0))
    keeper(shop, trainings).turn()
    shop.config = msgspec.structs.replace(shop.config, devices=())
    shop.lives(2)
    keeper(shop, trainings).turn()
    assert [(each.device, each.stands) for each in told(shop)] == [(DEVICE, True), (DEVICE, False)]


@pytest.mark.parametrize("device", ["pump-2", DEVICE], ids=["that never spoke", "that is at work"])
def test_rows_of_the_past_that_are_brought_in_are_no_drift_of_the_present(
    shop: Workshop, trainings: Trainings, device: str
) -> None:
    t_ns, values = shop.lives(24)
    watcher = keeper(shop, trainings)
    watcher.turn()
    shop.brought(device, t_ns - 40 * DAY_NS, values * 3.0)
    shop.lives(2)
    watcher.turn()
    assert told(shop) == []
    assert trainings.begun == []
    assert [each.device for each in watcher.diary.page(NAME).looked] == [DEVICE]


def test_rows_of_a_time_that_is_yet_to_come_hide_no_drift(shop: Workshop, trainings: Trainings) -> None:
    t_ns, values = shop.lives(1)
    shop.jumped(t_ns + 400 * DAY_NS, values)
    shop.lives(24, off=widths(shop, "flow", 1.0))
    keeper(shop, trainings).turn()
    assert [each.stands for each in told(shop)] == [True]


@pytest.mark.parametrize(("rule", "rings"), [("anomaly", True), (f"model-drift:{NAME}", False)])
def test_only_alarms_of_its_own_tell_how_many_of_them_are_true(
    shop: Workshop, trainings: Trainings, rule: str, *, rings: bool
) -> None:
    t_ns, _ = shop.lives(2)
    for number in range(12):
        shop.rings(int(t_ns[number]), int(t_ns[number + 1]), name=f"a{number}", rule=rule)
        shop.says("normal", int(t_ns[number]), int(t_ns[number + 1]), name=f"l{number}", alarm=f"a{number}")
    keeper(shop, trainings).turn()
    assert ["alarms that were judged are false" in each.detail for each in told(shop)] == [True] * rings


@pytest.mark.parametrize("shop", [{"retrain": ("labels",), "new_labels": 2}], indirect=True)
def test_new_labels_start_a_training_and_withdrawn_ones_do_not_count(shop: Workshop, trainings: Trainings) -> None:
    watcher = keeper(shop, trainings)
    first_ns = shop.now_ns
    shop.lives(4)
    shop.says("anomaly", first_ns, shop.now_ns, name="l1")
    shop.says("normal", first_ns, shop.now_ns, name="l2", gone="ana")
    watcher.turn()
    assert trainings.begun == []
    shop.lives(4)
    shop.says("anomaly", first_ns, shop.now_ns, name="l3")
    watcher.turn()
    assert trainings.begun == ["2 labels are new and 0 were withdrawn since version 1 was trained"]


def test_a_candidate_is_judged_and_nothing_else_is_begun_meanwhile(shop: Workshop, trainings: Trainings) -> None:
    shop.trained(*shop.lives(24))
    shop.lives(24, off=widths(shop, "flow", 1.0))
    watcher = keeper(shop, trainings)
    watcher.turn()
    assert trainings.begun == []
    assert trainings.judged == [2]
    trainings.wanted = True
    watcher.turn()
    assert trainings.begun == ["a person asked for it"]


def is_trained(shop: Workshop) -> None:
    """As the end of a training writes it down."""
    start_ns = shop.now_ns - shop.rule.history_ns
    found = showing.shown(shop.config, NAME, shop.store, start_ns=start_ns, end_ns=shop.now_ns, since={})
    showing.write(shop.folder / "keeping", NAME, found)


@pytest.mark.parametrize("shop", [{"retrain": ("labels",), "new_labels": 2}], indirect=True)
def test_labels_that_come_late_count_once_whatever_time_they_bear(shop: Workshop, trainings: Trainings) -> None:
    made_ns = shop.now_ns
    day = made_ns - DAY_NS, made_ns - DAY_NS // 2
    shop.says("anomaly", *day, name="l0", at_ns=made_ns - DAY_NS)
    shop.lives(2)
    watcher = keeper(shop, trainings)
    watcher.turn()
    for name in ("l1", "l2"):
        shop.says("anomaly", *day, name=name, at_ns=made_ns - DAY_NS)
    shop.lives(2)
    watcher.turn()
    assert trainings.begun == ["2 labels are new and 0 were withdrawn since version 1 was trained"]
    is_trained(shop)
    shop.lives(2)
    watcher.turn()
    assert len(trainings.begun) == 1


@pytest.mark.parametrize("shop", [{"retrain": ("labels",), "new_labels": 2}], indirect=True)
def test_labels_of_a_time_that_is_learnt_from_no_more_do_not_count(shop: Workshop, trainings: Trainings) -> None:
    watcher = keeper(shop, trainings)
    watcher.turn()
    old_ns = shop.now_ns - shop.rule.history_ns - DAY_NS
    for name in ("l1", "l2"):
        shop.says("anomaly", old_ns, old_ns + DAY_NS // 2, name=name)
    shop.lives(2)
    watcher.turn()
    assert trainings.begun == []


@pytest.mark.parametrize("shop", [{"retrain": ("data",), "history_ns": 10 * DAY_NS}], indirect=True)
def test_rows_that_fill_a_gap_of_what_was_learnt_from_start_one_training(shop: Workshop, trainings: Trainings) -> None:
    t_ns, values = shop.lives(24)
    old = t_ns - 8 * DAY_NS
    shop.brought(DEVICE, old[:10], values[:10])
    is_trained(shop)
    shop.lives(2)
    watcher = keeper(shop, trainings)
    watcher.turn()
    assert trainings.begun == []
    shop.brought(DEVICE, old[10:], values[10:])
    shop.lives(2)
    watcher.turn()
    assert trainings.begun == [f"rows of {DEVICE} came since, of a time that was learnt from before"]
    is_trained(shop)
    shop.lives(2)
    watcher.turn()
    assert len(trainings.begun) == 1


@pytest.mark.parametrize("shop", [AT_ONCE], indirect=True)
def test_a_champion_that_a_person_took_back_is_not_judged_again(shop: Workshop, trainings: Trainings) -> None:
    shop.trained(*shop.lives(24))
    shop.registry.point(NAME, CHAMPION, 2, who="gate")
    shop.registry.roll_back(NAME, who="ana")
    shop.lives(24, off=widths(shop, "flow", 1.0))
    watcher = keeper(shop, trainings)
    watcher.turn()
    assert trainings.judged == []
    assert len(trainings.begun) == 1


@pytest.mark.parametrize("days", [-1, -400, 1, 400])
def test_a_wall_clock_that_is_set_keeps_nothing_from_being_looked_at_and_starts_no_loop(
    shop: Workshop, trainings: Trainings, days: int
) -> None:
    shop.config = msgspec.structs.replace(
        shop.config, models=(msgspec.structs.replace(shop.rule, retrain=("age",), max_age_ns=30 * DAY_NS),)
    )
    off_ns = 0
    watcher = Keeper(
        shop.config,
        reader=shop.store,
        inbox=shop.inbox,
        registry=lambda: Registry.open(shop.registry.url),
        trainings=trainings,
        folder=shop.folder / "keeping",
        clock_ns=lambda: shop.now_ns + off_ns,
    )
    watcher.turn()
    off_ns = days * DAY_NS
    shop.lives(2)
    watcher.turn()
    assert watcher.diary.page(NAME).looked_ns == shop.now_ns + off_ns
    begun = len(trainings.begun)
    assert begun == (abs(days) > 30)
    shop.trained(*shop.lives(24), at_ns=shop.now_ns + off_ns)
    shop.registry.point(NAME, CHAMPION, 2)
    shop.registry.drop(NAME, CANDIDATE)
    for _ in range(4):
        shop.lives(2)
        watcher.turn()
    assert len(trainings.begun) == begun
    off_ns = 0
    for _ in range(4):
        shop.lives(2)
        watcher.turn()
    assert watcher.diary.page(NAME).looked_ns == shop.now_ns
    assert len(trainings.begun) <= begun + 4


def test_a_candidate_of_a_time_that_is_yet_to_come_is_judged_all_the_same(shop: Workshop, trainings: Trainings) -> None:
    shop.trained(*shop.lives(24), at_ns=shop.now_ns + 400 * DAY_NS)
    watcher = keeper(shop, trainings)
    watcher.turn()
    assert trainings.since_ns == shop.now_ns
    first_ns = shop.now_ns
    shop.lives(24)
    watcher.turn()
    assert trainings.since_ns == first_ns


@pytest.mark.parametrize("shop", [AT_ONCE], indirect=True)
@pytest.mark.parametrize("gone", [True, False], ids=["gone", "damaged"])
def test_a_candidate_that_cannot_be_read_keeps_no_other_from_being_trained(
    shop: Workshop, trainings: Trainings, *, gone: bool
) -> None:
    shop.trained(*shop.lives(24))
    manifest = Path(shop.registry.url) / NAME / "2" / "manifest.json"
    manifest.unlink() if gone else manifest.write_bytes(b"{")
    shop.lives(24, off=widths(shop, "flow", 1.0))
    keeper(shop, trainings).turn()
    assert trainings.judged == []
    assert len(trainings.begun) == 1


def test_a_model_without_a_reference_is_not_watched_and_that_is_said(shop: Workshop, trainings: Trainings) -> None:
    manifest = Path(shop.registry.url) / NAME / "1" / "manifest.json"
    plain = msgspec.json.decode(manifest.read_bytes())
    del plain["files"][FILE]
    manifest.write_bytes(msgspec.json.encode(plain))
    watcher = keeper(shop, trainings)
    shop.lives(24, off=widths_of(shop))
    watcher.turn()
    assert told(shop) == []
    assert "before references were kept" in watcher.diary.page(NAME).unwatched


def widths_of(shop: Workshop) -> dict[str, float]:
    return {shop.names[0]: 10.0}


def test_a_model_that_is_not_there_is_said_and_does_no_harm(tmp_path: Path, trainings: Trainings) -> None:
    shop = Workshop(tmp_path)
    with shop.store:
        watcher = keeper(shop, trainings)
        shop.lives(1)
        watcher.turn()
        assert "has no model 'pump'" in watcher.diary.page(NAME).unwatched
