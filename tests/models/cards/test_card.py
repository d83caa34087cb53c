from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.cards.card import MOST_ROWS, _some, card
from models.cards.plots import chances
from models.contract import F64, Task
from models.fitting.training import train
from models.recipe import Columns, Recipe
from models.registry.folder import Registry
from models.registry.manifest import Data, Facts, Source
from models.scoring import by_unit, score
from models.table import Stretch, Table
from models.trained import Trained

SECOND = 1_000_000_000
FACTS = Facts(
    made_at_ns=1_700_000_000 * SECOND,
    data=Data(
        sha256="ab12",
        rows=300,
        sources=(Source(name="pump_1.csv", sha256="cd34", rows=300, from_ns=0, to_ns=299 * SECOND),),
        label="outcome",
        counts={"0": 250, "1": 50},
    ),
    metrics={"held_out.f1": 0.9126, "held_out.far": None},
    warnings=("only 3 rows are labelled '1'",),
    owner="maintenance@hall-3",
)


def stretch(rows: F64, label: F64 | None = None, name: str = "a") -> Stretch:
    return Stretch(name=name, t_ns=np.arange(len(rows), dtype=np.int64) * SECOND, rows=rows, label=label)


def normal(channels: tuple[str, ...] = ("load", "humidity")) -> Table:
    rows = np.random.default_rng(0).normal(size=(300, len(channels)))
    rows[:3] += 9.0
    label = np.zeros(300)
    label[:3] = 1.0
    return Table(channels=channels, stretches=(stretch(rows, label),))


def units(classes: tuple[str, ...] = ("0", "1")) -> Table:
    """Parts that fail when they were pressed too hard."""
    rng = np.random.default_rng(1)
    force = rng.normal(size=120)
    label = np.digitize(force + 0.3 * rng.normal(size=120), [0.5, 1.2][: len(classes) - 1]).astype(np.float64)
    parts = [stretch(np.array([[force[at], rng.normal()]]), label[at : at + 1], f"part {at}") for at in range(120)]
    return Table(channels=("force", "noise"), stretches=tuple(parts), classes=classes)


def worn() -> Table:
    rng = np.random.default_rng(2)
    lives = [np.arange(30.0 + unit, -1.0, -1.0) for unit in range(6)]
    parts = [
        stretch(np.stack([rng.normal(size=len(left)) - left, rng.normal(size=len(left))], axis=1), left, f"unit {at}")
        for at, left in enumerate(lives)
    ]
    return Table(channels=("vibration", "noise"), stretches=tuple(parts))


def recipe(task: Task, path: str) -> Recipe:
    return Recipe(task=task, note="for the *pumps* of hall 3", estimator={"kind": "imported", "path": path}, cap=20.0)


ANOMALY = Recipe(task=Task.ANOMALY, note="for the *pumps* of hall 3", estimator={"kind": "mahalanobis"})


class Stored:
    """A model, its card and its pictures."""

    def __init__(self, chosen: Recipe, table: Table, folder: Path, facts: Facts = FACTS) -> None:
        self.model: Trained = train(chosen, table, name="pump").model
        self.registry = Registry.open(str(folder))
        self.entry = self.registry.save(
            self.model, chosen, facts, files=lambda manifest: card(manifest, self.model, table)
        )

    @property
    def card(self) -> str:
        return self.registry.file(self.entry, "card.md").decode()

    @property
    def pictures(self) -> set[str]:
        return set(self.entry.manifest.files) - {"card.md"}


def test_a_card_says_what_a_model_is_for_what_it_was_trained_on_and_how_well_it_does(tmp_path: Path) -> None:
    text = Stored(ANOMALY, normal(), tmp_path).card
    for said in (
        "# pump, version 1",
        r"for the \*pumps\* of hall 3",
        "It rings when 4 of 40 rows reach 1",
        "- By label: 0: 250, 1: 50",
        "- Owner: maintenance@hall-3",
        r"| pump\_1.csv | 300 | 1970-01-01 00:00:00 UTC | 1970-01-01 00:04:59 UTC | `cd34` |",
        r"| held\_out.f1 | 0.913 | F1 of single calls |",
        r"| held\_out.far | - | false alarms among what was normal |",
        "**only 3 rows are labelled '1'**",
        "new ones will look worse",
        'kind = "mahalanobis"',
    ):
        assert said in text


def test_its_pictures_lie_beside_it_and_are_shown(tmp_path: Path) -> None:
    stored = Stored(ANOMALY, normal(), tmp_path)
    assert stored.pictures == {"scores.png", "spread.png"}
    for name in stored.pictures:
        assert f"]({name})" in stored.card
        assert stored.registry.file(stored.entry, name).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("chosen", "table", "pictures"),
    [
        (ANOMALY, normal(), {"scores.png", "spread.png"}),
        (recipe(Task.LIFE, "sklearn.linear_model.Ridge"), worn(), {"scores.png", "lives.png"}),
        (recipe(Task.OUTCOME, "sklearn.naive_bayes.GaussianNB"), units(), {"chances.png"}),
        (recipe(Task.OUTCOME, "sklearn.naive_bayes.GaussianNB"), units(("0", "1", "2")), set()),
    ],
    ids=["anomaly", "life", "outcome", "three outcomes"],
)
def test_the_same_training_gives_the_same_card_to_the_byte(
    tmp_path: Path, chosen: Recipe, table: Table, pictures: set[str]
) -> None:
    stored = [Stored(chosen, table, tmp_path / name) for name in ("one", "other")]
    assert stored[0].pictures == pictures
    assert stored[0].entry.manifest.files == stored[1].entry.manifest.files


def test_a_model_that_nothing_was_held_out_for_says_that_it_was_never_tried(tmp_path: Path) -> None:
    text = Stored(ANOMALY, normal(), tmp_path, Facts(made_at_ns=0)).card
    assert "how often it rings for nothing, is not known" in text
    assert "never tried on rows that it had not seen" in text


def test_a_card_of_test_benches_tells_of_units_and_not_of_the_stations_that_they_were_on(tmp_path: Path) -> None:
    parts = units().stretches
    rows, label = np.vstack([part.rows for part in parts]), np.concatenate([part.label for part in parts])
    halves = (stretch(rows[:60], label[:60], "bench-1"), stretch(rows[60:], label[60:], "bench-2"))
    table = Table(channels=("force", "noise"), stretches=halves, classes=("pass", "fail"))
    path = {"kind": "imported", "path": "sklearn.naive_bayes.GaussianNB"}
    chosen = Recipe(task=Task.OUTCOME, estimator=path, columns=Columns(unit_rows=True))
    stored = Stored(chosen, table, tmp_path)
    model = stored.model
    drawn = [each for one in score(model, table) for each in by_unit([one], chosen)]
    assert stored.registry.file(stored.entry, "chances.png") == chances(drawn)
    assert "rows reach 1" not in stored.card
    assert "which at most 1.00% of the units that pass are to reach" in stored.card


def test_held_out_rows_are_drawn_instead_of_those_it_was_trained_on(tmp_path: Path) -> None:
    stored = Stored(ANOMALY, normal(), tmp_path)
    files = card(stored.entry.manifest, stored.model, normal(), held=score(stored.model, normal()))
    assert b"; rows that were held out." in files["card.md"]
    assert b"new ones will look worse" not in files["card.md"]


def test_channels_that_speak_most_come_first_and_dead_ones_are_named(tmp_path: Path) -> None:
    table = normal(("still", "absent", "load"))
    rows = table.stacked()
    rows[:, 0], rows[:, 1] = 5.0, np.nan
    table = msgspec.structs.replace(table, stretches=(stretch(rows, table.labels()),))
    text = Stored(ANOMALY, table, tmp_path).card
    lines = [line for line in text.splitlines() if line.startswith(("| still", "| absent", "| load"))]
    assert lines[0].startswith("| load")
    assert "| still | 5 | 5 (never moved) | 0% |" in text
    assert "| absent | - | - | 100% |" in text


def test_names_that_are_markup_read_as_they_are_written(tmp_path: Path) -> None:
    name = "<script>|[a](b)`*"
    text = Stored(ANOMALY, normal((name, "load\n# Fine")), tmp_path).card
    assert r"| \<script\>&#124;\[a\](b)\`\* |" in text
    assert r"| load \# Fine |" in text
    assert "<script" not in text.partition("## Recipe")[0].replace(r"\<script", "")


def test_a_long_table_is_drawn_from_stretches_all_over_it() -> None:
    parts = [stretch(np.zeros((MOST_ROWS // 10, 1)), name=str(at)) for at in range(40)]
    table = Table(channels=("load",), stretches=tuple(parts))
    assert [each.name for each in _some(table).stretches] == [str(at) for at in range(0, 40, 4)]
    one = Table(channels=("load",), stretches=(stretch(np.zeros((MOST_ROWS + 5, 1)), np.zeros(MOST_ROWS + 5)),))
    assert _some(one).rows == MOST_ROWS


def test_of_many_channels_some_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    text = Stored(ANOMALY, normal(tuple(f"channel {at}" for at in range(40))), tmp_path).card
    assert text.count("| channel ") == 31
    assert "and 10 more." in text
