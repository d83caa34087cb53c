"""A pump that wears, is repaired, and is another one from then on; its model follows, and no flipped label fools it."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.story.hall import Hall
from benchmarks.story.pump import BEGUN_NS, NAMES, life
from models.arrays import F64, I64
from simulators.surroundings import DAY_NS, HOUR_NS
from tocsin.keeping.diary import Page
from wire.config import Config, DeviceRule, ModelRule, Retention
from wire.messages import Action, Alarm, AlarmState, Label, Labelled, Meaning, Origin, Verb, Verdict
from wire.ports import Arrival, Row

DEVICE, NAME, EDGE = "pump-1", "pump", "edge"
BATCH = 500
RECIPE = """
task = "anomaly"
features = [{ kind = "mean", rows = 6 }, { kind = "deviation", rows = 12, floor = 0.05 }]
estimator = { kind = "mahalanobis" }
calibration = { multiple = 1.5 }
decision = { k = 6, n = 10, quiet = 20 }
"""


class Plan(msgspec.Struct, frozen=True):
    """Days of the story."""

    every_ns: int = 30_000_000_000
    train: float = 7.0
    worn: float = 9.5  # wear begins, and takes half a day
    repaired: float = 10.5
    again: float = 16.0  # wear once more
    seed: int = 3
    check_h: float = 4.0
    shadowed: bool = True  # a second version before anything happens: trained, tried, promoted


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. Shares are of scores beyond the limit, on a day each."""

    shadow_scores: int  # of candidates
    wear_found_h: float
    over_before: float
    over_drifted: float
    over_recovered: float
    drift_found_h: float  # after the wear began
    new_champion_h: float  # after the repair
    wear_found_again_h: float
    champion: int
    refused: str  # what the gate said of the poisoned one
    champion_after: int


def tell(folder: Path, plan: Plan, said: Callable[[str], None] = print) -> Told:
    """The whole story; raises RuntimeError where it stands still."""
    (folder / "pump.toml").write_text(RECIPE)
    config = Config(
        devices=(DeviceRule(match="pump-*", model=NAME, every_ns=plan.every_ns, running_when="current > 0.5"),),
        models=(
            ModelRule(
                name=NAME,
                recipe=str(folder / "pump.toml"),
                history_ns=8 * DAY_NS,
                retrain=("drift",),
                check_every_ns=int(plan.check_h * HOUR_NS),
                promote="gate",
            ),
        ),
        retention=Retention(readings_ns=36500 * DAY_NS, scores_ns=36500 * DAY_NS),
    )
    hall = Hall(folder, config, start_ns=BEGUN_NS)
    with hall.open():
        return _Story(hall, plan, said).told()


class _Story:
    def __init__(self, hall: Hall, plan: Plan, said: Callable[[str], None]) -> None:
        self._hall = hall
        self._plan = plan
        self._said = said
        self._rows = life(
            seed=plan.seed, every_ns=plan.every_ns, worn=plan.worn, repaired=plan.repaired, again=plan.again
        )
        self._left: tuple[I64, F64] | None = None
        self._words = 0

    def told(self) -> Told:
        plan, hall = self._plan, self._hall
        self._lives(plan.train)
        self._tell(f"trained: {hall.ask().last}")
        self._trial()
        self._lives(plan.worn)
        over_before = self._over(plan.worn - 1, plan.worn)
        worn = self._found(plan.worn, plan.repaired, "the wear")
        self._lives(plan.repaired)
        self._judge("true", plan.worn)
        drift_h, over_drifted, new_h = self._drift()
        champion = hall.champion
        self._lives(plan.again)
        recovered = self._over(plan.again - 1, plan.again)
        self._tell(
            f"scores beyond the limit: {over_before:.2%} before, {over_drifted:.1%} drifted, {recovered:.2%} now"
        )
        again = self._found(plan.again, plan.again + 1.0, "the wear once more")
        self._judge("true", plan.again)
        self._lives(plan.again + 1.5)
        refused = self._poison()
        shadow = hall.store.scores(DEVICE, start_ns=0, end_ns=2**62, role="candidate")
        return Told(
            shadow_scores=len(shadow.t_ns),
            wear_found_h=worn,
            over_before=over_before,
            over_drifted=over_drifted,
            over_recovered=recovered,
            drift_found_h=drift_h,
            new_champion_h=new_h,
            wear_found_again_h=again,
            champion=champion,
            refused=refused,
            champion_after=hall.champion,
        )

    def _trial(self) -> None:
        """A second version is trained, scores beside the first for a day, and is let in."""
        if self._plan.shadowed:
            self._lives(self._plan.train + 0.5)
            self._tell(f"trained: {self._hall.ask().last}")
            self._lives(self._plan.train + 1.6)
            self._tell(f"judged: {self._hall.over().last}")

    def _drift(self) -> tuple[float, float, float]:
        """Hours until it is told, the share beyond the limit, hours until the new champion: nobody asks for it."""
        hall, begun = self._hall, self._plan.repaired
        while not hall.page.ringing or not self._rang("model-drift:pump"):
            self._step()
        drift_h = (self._rang("model-drift:pump")[-1].onset_ns - self._ns(self._plan.worn)) / HOUR_NS
        self._tell(f"{drift_h:.0f} h after the wear began: {self._rang('model-drift:pump')[-1].summary}")
        self._lives(begun + 1.0)
        over = self._over(begun + 0.2, begun + 1.0)
        self._tell(f"the keeper waits: {hall.page.waits or 'no'}; {over:.0%} of the scores lie beyond the limit")
        self._hall.say(self._normal(begun))
        before = hall.champion
        while hall.champion == before:
            self._step()
            hall.over()
            if self._hours(begun) > 24 * 5:
                msg = f"no new champion came: {hall.page.last}"
                raise RuntimeError(msg)
        self._tell(f"after {self._hours(begun):.0f} h: {hall.page.last}")
        return drift_h, over, self._hours(begun)

    def _poison(self) -> str:
        """Every label is turned round, a model is trained on that, and judged."""
        hall = self._hall
        labels = hall.store.labels(device=DEVICE)
        for label in labels:
            gone = msgspec.structs.replace(label, withdrawn_by="mallory")
            hall.say(Labelled(id=f"gone-{label.id}", edge=EDGE, label=gone))
            if label.meaning in {"anomaly", "normal"}:
                turned: Meaning = "normal" if label.meaning == "anomaly" else "anomaly"
                hall.say(self._label(msgspec.structs.replace(label, id=f"{label.id}-", meaning=turned, who="mallory")))
        self._tell(f"{len(labels)} labels are turned round; trained: {hall.ask().last}")
        made = hall.candidate
        end = self._now() + 3.0
        while hall.candidate == made and self._now() < end:
            self._step()
            hall.over()
        self._tell(f"judged: {hall.page.last}")
        last = hall.page.last
        return last.says if last is not None and last.ended == "refused" else ""

    def _lives(self, until: float) -> None:
        while self._now() < until:
            self._step()

    def _step(self, hours: float = 2.0) -> Page:
        """The next rows are stored and scored, and the keeper has its turn."""
        end_ns = self._hall.now_ns + int(hours * HOUR_NS)
        t_ns, values = self._until(end_ns)
        rows = [Row(DEVICE, NAMES, tuple(row), int(at)) for at, row in zip(t_ns, values.tolist(), strict=True)]
        parts = [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]
        self._hall.put([Arrival("plant", part, own_times=True) for part in parts], end_ns)
        self._acknowledge()
        return self._hall.turn()

    def _acknowledge(self) -> None:
        """An operator has seen every alarm, so that each condition gets an alarm of its own."""
        for alarm in self._alarms():
            if alarm.state in {AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED}:
                self._words += 1
                self._hall.say(Action(f"seen-{self._words}", EDGE, DEVICE, alarm.rule, Verb.ACKNOWLEDGE, "ana"))

    def _until(self, end_ns: int) -> tuple[I64, F64]:
        t_ns, values = self._left or next(self._rows)
        while t_ns[-1] < end_ns:
            more = next(self._rows)
            t_ns, values = np.concatenate([t_ns, more[0]]), np.concatenate([values, more[1]])
        cut = int(np.searchsorted(t_ns, end_ns))
        self._left = t_ns[cut:], values[cut:]
        return t_ns[:cut], values[:cut]

    def _found(self, begun: float, end: float, what: str) -> float:
        """Hours until the alarm of the model; not a number if it never rang."""
        while self._now() < end:
            self._step(1.0)
            rang = [alarm.onset_ns for alarm in self._alarms() if alarm.onset_ns >= self._ns(begun)]
            if rang:
                self._tell(f"{what} rings after {(min(rang) - self._ns(begun)) / HOUR_NS:.1f} h")
                return (min(rang) - self._ns(begun)) / HOUR_NS
        return float("nan")

    def _alarms(self) -> list[Alarm]:
        return self._rang("anomaly")

    def _rang(self, rule: str) -> list[Alarm]:
        return [alarm for alarm in self._hall.store.alarms(device=DEVICE) if alarm.rule == rule]

    def _normal(self, since: float) -> Labelled:
        """An operator says that what it does since then is how it is now."""
        label = Label(
            id="normal-now",
            origin=Origin(EDGE, "labelled", 0),
            edge=EDGE,
            meaning="normal",
            from_ns=self._ns(since),
            to_ns=self._hall.now_ns,
            who="ana",
            at_ns=self._hall.now_ns,
            device=DEVICE,
            comment="another impeller",
        )
        return self._label(label)

    def _judge(self, finding: str, since: float) -> None:
        """An operator says what was behind every alarm since then."""
        for alarm in self._alarms():
            if alarm.onset_ns < self._ns(since):
                continue
            self._words += 1
            self._hall.say(
                Verdict(
                    id=f"verdict-{self._words}",
                    edge=EDGE,
                    device=DEVICE,
                    alarm=alarm.id,
                    finding="true" if finding == "true" else "false-alarm",
                    who="ana",
                    at_ns=self._hall.now_ns,
                    rule=alarm.rule,
                    from_ns=alarm.onset_ns,
                    to_ns=self._hall.now_ns if alarm.active else alarm.changed_ns,
                    model=alarm.model,
                    model_version=alarm.model_version,
                )
            )

    def _label(self, label: Label) -> Labelled:
        self._words += 1
        changed = msgspec.structs.replace(label, origin=Origin(EDGE, "labelled", 0), at_ns=self._hall.now_ns)
        return Labelled(id=f"label-{self._words}", edge=EDGE, label=changed)

    def _over(self, first: float, end: float) -> float:
        found = self._hall.store.scores(DEVICE, start_ns=self._ns(first), end_ns=self._ns(end))
        score = np.array(found.columns["score"], dtype=np.float64)
        return float(np.mean(score >= 1.0))

    def _now(self) -> float:
        return (self._hall.now_ns - BEGUN_NS) / DAY_NS

    def _ns(self, day: float) -> int:
        return BEGUN_NS + int(day * DAY_NS)

    def _hours(self, since: float) -> float:
        return 24 * (self._now() - since)

    def _tell(self, words: str) -> None:
        self._said(f"day {self._now():5.1f}: {words}")
