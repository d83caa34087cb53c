from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from models.arrays import F64
from models.fitting.training import train
from models.recipe import Recipe, parse
from models.table import Stretch, Table
from models.trained import Trained
from models.watching.drift import drift
from models.watching.finding import Finding, Watch, together
from models.watching.reference import NoReferenceError, Reference, Seen, decoded, encoded
from models.watching.training import of_training
from models.watching.usual import DAY_NS, reference
from simulators.pump import Pump
from simulators.surroundings import Schedule

MONDAY_NS = 1_777_852_800_000_000_000  # 2026-05-04T00:00:00Z
EVERY_NS = 20 * 1_000_000_000
HOUR_NS = 3600 * 1_000_000_000
DAYS = 5
SLICES, SLICE_NS = 48, 600 * 1_000_000_000
RECIPE: Recipe = parse("""
task = "anomaly"
features = [{ kind = "mean", rows = 6 }, { kind = "deviation", rows = 12, floor = 0.05 }]
estimator = { kind = "mahalanobis" }
calibration = { multiple = 1.2 }
""")


class Life(msgspec.Struct, frozen=True):
    """A pump's running rows, a model fitted on its first days, and what is usual in them."""

    t_ns: np.ndarray
    rows: F64
    names: tuple[str, ...]
    model: Trained
    usual: Reference

    @property
    def trained_ns(self) -> int:
        return MONDAY_NS + DAYS * DAY_NS

    def look(self, end_ns: int, rows: F64 | None = None, *, channels: Sequence[str] = ()) -> Watch:
        """What a watcher finds in slices of the block that ends then."""
        rows = self.rows if rows is None else rows
        start_ns = end_ns - self.usual.block_ns
        mine = (self.t_ns > start_ns) & (self.t_ns <= end_ns)
        t_ns, rows = self.t_ns[mine], rows[mine]
        score = scores(self.model, t_ns, rows)
        some = (t_ns - start_ns) % (self.usual.block_ns // SLICES) < SLICE_NS
        said = some & np.isfinite(score)
        seen = Seen(t_ns[some], rows[some], score[said], score[said] >= 1, t_ns[said])
        return drift(self.usual, seen, channels=channels or self.names, slices=SLICES, rate=0.01)


def scores(model: Trained, t_ns: np.ndarray, rows: F64) -> F64:
    from models.scoring import score  # noqa: PLC0415 -- the name is this function's elsewhere

    table = Table(model.channels, (Stretch("pump", t_ns, rows),))
    return score(model, table)[0].scored.score.astype(np.float64)


def lived(seed: int, days: int) -> tuple[np.ndarray, F64, tuple[str, ...]]:
    pump = Pump(seed=seed, schedule=Schedule.RESTS)
    blocks = list(pump.blocks(start_ns=MONDAY_NS, every_ns=EVERY_NS, end_ns=MONDAY_NS + days * DAY_NS))
    t_ns = np.concatenate([block.t_ns for block in blocks])
    rows = np.concatenate([block.values for block in blocks])
    on = rows[:, pump.names.index(pump.running[0])] > pump.running[1]
    return t_ns[on], rows[on], tuple(pump.names)


@pytest.fixture(scope="module", params=[21, 22])
def life(request: pytest.FixtureRequest) -> Life:
    t_ns, rows, names = lived(request.param, DAYS + 7)
    trained = t_ns < MONDAY_NS + DAYS * DAY_NS
    table = Table(names, (Stretch("pump-1", t_ns[trained], rows[trained]),))
    model = train(RECIPE, table).model
    return Life(t_ns, rows, names, model, of_training(model, table))


def standing(watch: Watch) -> list[tuple[str, str]]:
    return [(each.what, each.channel) for each in watch.findings if each.stands]


def test_a_week_of_ordinary_life_raises_no_drift(life: Life) -> None:
    ends = range(life.trained_ns + DAY_NS, life.trained_ns + 7 * DAY_NS, 2 * HOUR_NS)
    looks = [life.look(end_ns) for end_ns in ends]
    assert [standing(each) for each in looks if each.stands] == []
    assert all(not each.unwatched for each in looks)


@pytest.mark.parametrize("channel", range(5))
def test_a_sensor_that_is_off_by_its_width_is_found_within_a_day_and_named(life: Life, channel: int) -> None:
    broke_ns = life.trained_ns + 30 * HOUR_NS
    rows = life.rows.copy()
    rows[life.t_ns >= broke_ns, channel] += life.usual.part("").channels[channel].width
    found = next((h for h in range(1, 25) if life.look(broke_ns + h * HOUR_NS, rows).stands), None)
    assert found is not None
    worst = life.look(broke_ns + DAY_NS, rows).worst
    assert worst is not None
    assert ("input", life.names[channel]) in standing(life.look(broke_ns + DAY_NS, rows))
    assert worst.share > 1


def test_a_new_relation_between_channels_that_stay_in_their_ranges_shows_in_the_scores(life: Life) -> None:
    rows = life.rows.copy()
    at = life.names.index("current")
    rows[:, at] = np.median(rows[:, at]) - (rows[:, at] - np.median(rows[:, at]))
    found = standing(life.look(life.trained_ns + 2 * DAY_NS, rows))
    assert {what for what, _ in found} & {"score", "over"}


def test_a_channel_that_is_gone_or_only_sometimes_there_is_named(life: Life) -> None:
    end_ns = life.trained_ns + 2 * DAY_NS
    rows = life.rows.copy()
    rows[np.arange(len(rows)) % 2 == 0, 1] = np.nan
    assert ("missing", life.names[1]) in standing(life.look(end_ns, rows))
    start_ns = end_ns - life.usual.block_ns
    mine = (life.t_ns > start_ns) & (life.t_ns <= end_ns)
    seen = Seen(
        life.t_ns[mine], life.rows[mine][:, :4], np.zeros(0), np.zeros(0, dtype=np.bool_), np.zeros(0, np.int64)
    )
    watch = drift(life.usual, seen, channels=life.names[:4], slices=SLICES, rate=0.01)
    assert standing(watch) == [("missing", life.names[4])]


def test_few_rows_are_not_judged_and_that_is_said(life: Life) -> None:
    some = slice(0, 5)
    nothing = np.zeros(0)
    seen = Seen(life.t_ns[some], life.rows[some], nothing, nothing > 0, np.zeros(0, np.int64))
    watch = drift(life.usual, seen, slices=SLICES, rate=0.01)
    assert not watch.findings
    assert "too few" in watch.unwatched[0]


def test_a_reference_is_small_and_read_back_as_it_was(life: Life) -> None:
    content = encoded(life.usual)
    assert len(content) < 20_000
    assert decoded(content) == life.usual


@pytest.mark.parametrize("content", [b"", b"{}", b'{"channels": [], "parts": {}, "format": 1}', b"[1]"])
def test_what_is_no_reference_is_refused(content: bytes) -> None:
    with pytest.raises(NoReferenceError):
        decoded(content)


def test_a_reference_of_a_thousand_channels_stays_under_200_kilobytes() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(240, 1200)) * 1e5
    t_ns = np.arange(240, dtype=np.int64)
    seen = Seen(t_ns, rows, np.zeros(240), np.zeros(240, dtype=np.bool_), t_ns)
    usual = reference([f"channel-{at}" for at in range(1200)], {"": seen}, units=True)
    assert len(encoded(usual)) < 200_000
    watch = drift(usual, seen, slices=10, rate=0.01)
    assert "200 of so many channels" in watch.unwatched[0]


def test_a_few_rows_say_nothing_of_what_is_usual() -> None:
    t_ns = np.arange(50, dtype=np.int64) * EVERY_NS
    seen = Seen(t_ns, np.zeros((50, 1)), np.zeros(50), np.zeros(50, dtype=np.bool_), t_ns)
    with pytest.raises(NoReferenceError, match="too few"):
        reference(("heat",), {"pump": seen})


def test_rows_of_an_hour_and_some_of_weeks_before_say_what_is_usual_in_an_hour() -> None:
    said = np.random.default_rng(1).normal(size=(3_600 + 600, 1))
    hour_ns = MONDAY_NS + np.arange(3_600, dtype=np.int64) * 1_000_000_000
    before_ns = MONDAY_NS - 20 * DAY_NS + np.arange(600, dtype=np.int64) * 1_000_000_000
    t_ns = np.concatenate([before_ns, hour_ns])
    usual = reference(("a",), {"pump-1": Seen(t_ns, said, said[:, 0], said[:, 0] > 9, t_ns)})
    assert usual.block_ns == 350 * 1_000_000_000, "a twelfth of the 70 minutes in which it has rows"
    assert usual.part("pump-1").blocks >= 10


def test_devices_that_differ_are_each_held_against_themselves() -> None:
    rng = np.random.default_rng(2)
    t_ns = np.arange(2000, dtype=np.int64) * EVERY_NS
    none = np.zeros(0)

    def made(level: float) -> Seen:
        return Seen(t_ns, level + rng.normal(size=(2000, 1)), none, none > 0, np.zeros(0, np.int64))

    usual = reference(("heat",), {"pump-1": made(0.0), "pump-2": made(20.0)})
    assert not drift(usual, made(0.0), device="pump-1", slices=9, rate=0.01).stands
    assert drift(usual, made(20.0), device="pump-1", slices=9, rate=0.01).stands
    assert not drift(usual, made(20.0), device="pump-2", slices=9, rate=0.01).stands


def test_what_stood_ends_only_well_below_its_limit() -> None:
    def at(value: float) -> Watch:
        return Watch((Finding(what="input", value=value, limit=1.0, stands=value > 1.0, says=""),))

    assert [at(value).still(stood=False) for value in (0.7, 0.9, 1.1)] == [False, False, True]
    assert [at(value).still(stood=True) for value in (0.7, 0.9, 1.1)] == [False, True, True]
    both = together([at(0.5), at(1.2)]).worst
    assert both is not None
    assert both.value == 1.2
