"""The roles of a fleet as a person starts them: what they refuse, and that a fleet says what a box says."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import isnan, sin
from pathlib import Path
from random import Random

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from benchmarks.processes import free_port
from benchmarks.roles import Role
from bus.address import Address
from bus.history import history
from tests.servers.kafka import Kafka, kafka
from tests.servers.ports import until
from tests.tocsin.plant import RECORDED, RULES, tocsin, told
from tocsin.roles.box import Box
from wire.envelope import Rejected, pack, unpack_outcomes
from wire.messages import Alarm, DeadLetter, Origin, Outcome, Scores, SourceStatus, Tick
from wire.settings import load
from wire.topics import ALARMS, DEAD, INPUTS, SCORES, STATE

pytestmark = [pytest.mark.server, pytest.mark.slow]
PARTS = 4
ROWS, FAULT, BEGUN_S = 6000, 4500, 1_777_600_000
RECIPE = """
task = "anomaly"
features = [{ kind = "mean", rows = 20 }, { kind = "deviation", rows = 20, floor = 0.05 }]
estimator = { kind = "mahalanobis" }
"""
# Beside the pump, the same recording as of a machine that is watched by a trained model.
TRAINED = """
[[edge.sources]]
type = "replay"
path = "may.csv"
device = "mill-1"
times = "own"
speed = 0
[[devices]]
match = "mill-1"
model = "mill"
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


def write(folder: Path, bus: str, more: str = "") -> Path:
    """The plant that a box would run, as a fleet's."""
    folder.mkdir(exist_ok=True)
    path = folder / "tocsin.toml"
    rules = RULES.format(page=free_port()).replace("[retention]", '[retention]\nscores = "36500d"')
    path.write_text(f'bus = "{bus}"\nregistry = "folder:../models"\n{RECORDED}{more}{rules}')
    (folder / "may.csv").write_text(recording())
    return path


def recording() -> str:
    """Two channels at 2 Hz that go together, until one leaves the other and then passes its limit."""
    noise = Random(4)
    lines = ["time,temperature,current"]
    for row in range(ROWS):
        load_now = 10 + 3 * sin(row / 40) + noise.gauss(0, 0.3)
        temperature = 40 + 2 * load_now + noise.gauss(0, 0.5) + 60 * min(max(row - FAULT, 0) / 200, 1)
        stamp = datetime.fromtimestamp(BEGUN_S + row / 2, UTC).isoformat()
        lines.append(f"{stamp},{temperature:.3f},{load_now:.3f}")
    return "\n".join(lines) + "\n"


def outcomes(address: str, topic: str) -> list[Outcome]:
    """Everything on a topic."""
    client = Consumer({"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False})
    try:
        places = [
            TopicPartition(topic, part, 0) for part in client.list_topics(topic, timeout=10).topics[topic].partitions
        ]
        left = sum(client.get_watermark_offsets(place, timeout=10)[1] for place in places)
        client.assign(places)
        found: list[Outcome] = []
        while left:
            message = client.poll(10)
            assert message is not None, f"{left} are missing on {topic}"
            opened = unpack_outcomes(message.value() or b"")
            assert not isinstance(opened, Rejected)
            found += opened
            left -= 1
        return found
    finally:
        client.close()


def test_a_role_of_a_fleet_says_what_stands_in_its_way(broker: Kafka, tmp_path: Path) -> None:
    config = write(tmp_path, f"kafka://{broker.address}")
    refused = tocsin("up", "-c", config)
    assert (refused.exit_code, "run its roles with tocsin edge" in refused.stderr) == (2, True)

    no_topics = tocsin("stream", "-c", config, "--vitals", "")
    assert no_topics.exit_code == 1
    assert no_topics.stderr == (f"tocsin: there is no topic {INPUTS} and {STATE}: run tocsin stream --create-topics\n")

    nobody = write(tmp_path, f"kafka://127.0.0.1:{free_port()}")
    away = tocsin("stream", "-c", nobody, "--vitals", "")
    assert away.exit_code == 1
    assert "no Kafka broker answers at" in away.stderr

    a_box = tocsin("edge", "-c", write(tmp_path / "box", "local:data/log.sqlite"))
    assert (a_box.exit_code, 'needs bus = "kafka://HOST:9092"' in a_box.stderr) == (2, True)


def test_topics_are_made_once_and_a_wrong_layout_is_refused_in_words(broker: Kafka, tmp_path: Path) -> None:
    config = write(tmp_path, f"kafka://{broker.address}")
    create: list[str | Path] = ["stream", "--create-topics", "--partitions", str(PARTS), "-c", config]
    assert tocsin(*create).stdout.startswith("made tocsin.")
    assert tocsin(*create).stdout == "all topics are there and right\n"

    create[3] = "8"
    wrong = tocsin(*create)
    assert wrong.exit_code == 1
    assert f"{INPUTS} has {PARTS} partitions and 8 are wanted" in wrong.stderr

    admin = AdminClient({"bootstrap.servers": broker.address})
    admin.delete_topics([STATE])[STATE].result(10)
    until(lambda: STATE not in admin.list_topics(timeout=10).topics, what="no state topic")
    admin.create_topics([NewTopic(STATE, 2, 1)])[STATE].result(10)
    until(lambda: STATE in admin.list_topics(timeout=10).topics, what="the state topic")
    uneven = tocsin("stream", "-c", config, "--vitals", "")
    assert f"{INPUTS} has {PARTS} partitions and {STATE} has 2" in uneven.stderr
    admin.delete_topics([STATE])[STATE].result(10)
    until(lambda: STATE not in admin.list_topics(timeout=10).topics, what="no state topic")
    assert tocsin("stream", "--create-topics", "--partitions", str(PARTS), "-c", config).stdout == f"made {STATE}\n"


def test_the_same_recording_gives_the_same_scores_and_alarms_in_box_and_fleet(
    broker: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_batch = trained(tmp_path, monkeypatch)
    box_scores, box_changes = by_box(tmp_path / "box")
    config = write(tmp_path / "fleet", f"kafka://{broker.address}", TRAINED)
    tocsin("stream", "--create-topics", "--partitions", str(PARTS), "-c", config)

    with Role("stream", config, name="one"), Role("stream", config, name="two"), Role("edge", config) as edge:
        edge.ready()
        until(lambda: changes(alarms(broker)) >= box_changes, what="the alarms of the fleet", within_s=60)
        until(lambda: scores(broker).keys() >= box_scores.keys(), what="the scores of the fleet", within_s=60)

    assert changes(alarms(broker)) == box_changes
    assert scores(broker) == box_scores
    for device in ("pump-1", "mill-1"):
        rang = {rule for name, rule, *_ in box_changes if name == device}
        assert rang >= {"anomaly"} | ({"limit:temperature:H"} if device == "pump-1" else set())
    of_mill = {t_ns: score for (device, t_ns), score in box_scores.items() if device == "mill-1"}
    assert of_mill == pytest.approx(by_batch, rel=1e-6)


def test_poison_is_listed_shown_and_given_in_again(broker: Kafka, tmp_path: Path) -> None:
    config = write(tmp_path, f"kafka://{broker.address}")
    tocsin("stream", "--create-topics", "--partitions", str(PARTS), "-c", config)
    before = {letter["id"] for letter in told(tocsin("dead", "list", "--json", "-c", config))}
    poison = Producer({"bootstrap.servers": broker.address})
    for body in (b"poison", pack(Tick(at_ns=1))[:-1]):
        poison.produce(INPUTS, key=b"edge-9", value=body)
    assert poison.flush(10) == 0
    with Role("stream", config, name="three") as worker:
        until(lambda: worker.figure("tocsin_stream_dead_letters") == 2, what="two dead letters")
        until(lambda: worker.figure("tocsin_stream_lag_records") == 0, what="no lag")
    found = {str(letter["body"]): letter for letter in told(tocsin("dead", "list", "--json", "-c", config))}
    assert len(found) == len(before) + 2
    letter = found[b"poison".hex()]
    assert letter["reason"] == "unknown envelope version 112, this program reads 1"
    assert f"reason   {letter['reason']}" in tocsin("dead", "show", str(letter["id"]), "-c", config).stdout

    hopeless = tocsin("dead", "retry", str(letter["id"]), "-c", config)
    assert (hopeless.exit_code, "would only die again" in hopeless.stderr) == (2, True)
    nobody = tocsin("dead", "show", "99-99", "-c", config)
    assert (nobody.exit_code, nobody.stderr) == (
        1,
        "tocsin: there is no dead letter 99-99: `tocsin dead list` shows their ids\n",
    )


def test_what_died_by_a_mistake_of_the_program_is_given_in_again(broker: Kafka, tmp_path: Path) -> None:
    config = write(tmp_path, f"kafka://{broker.address}")
    tocsin("stream", "--create-topics", "--partitions", str(PARTS), "-c", config)
    body = pack(Tick(at_ns=7))
    letter = DeadLetter(Origin("edge-9", "tick", 0), "core", "the core failed", body, size=len(body), t_ns=2**61)
    client = Producer({"bootstrap.servers": broker.address})
    client.produce(DEAD, key=b"edge-9", value=pack(letter))
    assert client.flush(10) == 0
    name = str(told(tocsin("dead", "list", "--limit", "1", "--json", "-c", config))[0]["id"])
    assert tocsin("dead", "retry", name, "-c", config).stdout == f"{name} was given in again as an input of edge-9\n"
    inputs = [record.body for record in history(Address(servers=broker.address), INPUTS)]
    assert body in inputs


def trained(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """Train a model on the part of the recording that is well; the scores of all of it, by their times."""
    monkeypatch.setenv("TOCSIN_REGISTRY", str(folder / "models"))
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    recipe, whole, well, out = (folder / name for name in ("mill.toml", "may.csv", "well.csv", "scores.csv"))
    recipe.write_text(RECIPE)
    whole.write_text(recording())
    well.write_text("".join(recording().splitlines(keepends=True)[: FAULT // 2]))
    assert tocsin("train", recipe, "--data", well, "--name", "mill").exit_code == 0
    assert tocsin("score", "mill", "--data", whole, "--out", out).exit_code == 0
    rows = [line.split(",")[:2] for line in out.read_text().splitlines()[1:]]
    times = [round(datetime.fromisoformat(time).timestamp() * 10) * 100_000_000 for time, _ in rows]
    return {t_ns: float(score) for t_ns, (_, score) in zip(times, rows, strict=True) if score}


def by_box(folder: Path) -> tuple[dict[tuple[str, int], float], set[tuple[object, ...]]]:
    """The scores and the changes of alarms that a box makes of the recording."""
    config = write(folder, "local:data/log.sqlite", TRAINED)
    found: dict[tuple[str, int], float] = {}
    with Box(load(config)) as box:
        until(lambda: [state.state for _, state in box.reader.sources()] == [SourceStatus.ENDED] * 2, what="both ends")
        for device in ("pump-1", "mill-1"):
            series = box.reader.scores(device, start_ns=0, end_ns=2**63 - 1)
            pairs = zip(series.t_ns, series.columns["score"], strict=True)
            found |= {(device, t_ns): score for t_ns, score in pairs if score is not None}
        alarms = [state for alarm in box.reader.alarms() for state in box.reader.history(alarm.id)]
    return found, changes(alarms)


def alarms(broker: Kafka) -> list[Alarm]:
    return [found for found in outcomes(broker.address, ALARMS) if isinstance(found, Alarm)]


def changes(found: Sequence[Alarm]) -> set[tuple[object, ...]]:
    """Every change of an alarm of a machine on sensor time."""
    return {
        (one.device, one.rule, one.onset_ns, one.version, one.state, one.changed_ns)
        for one in found
        if one.device in {"pump-1", "mill-1"}
    }


def scores(broker: Kafka) -> dict[tuple[str, int], float]:
    """The scores of each machine by their times."""
    found: dict[tuple[str, int], float] = {}
    for one in outcomes(broker.address, SCORES):
        if isinstance(one, Scores):
            pairs = zip(memoryview(one.t_ns).cast("q"), memoryview(one.score).cast("f"), strict=True)
            found |= {(one.device, t_ns): score for t_ns, score in pairs if not isnan(score)}
    return found
