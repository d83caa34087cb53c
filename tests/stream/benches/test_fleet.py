"""The fleet carries what comes of runs, and a worker that takes a partition over goes on where the other stopped."""

from collections import Counter
from collections.abc import Sequence

from stream.fleet.loading import Loaded
from stream.fleet.outlet import parcels
from stream.fleet.partition import Partition
from stream.fleet.reading import Taken
from stream.fleet.records import DONE, Records, collected, replay
from stream.inputs import Item
from tests.stream.benches.shift import benches, shift
from tests.stream.plant import encoded
from wire.envelope import pack, unpack_outcomes
from wire.messages import Advice, DeadLetter, Label, Outcome, Run
from wire.topics import ADVICE


def _worked(partition: Partition, items: Sequence[Item], begin: int) -> list[Outcome]:
    entries = [
        Taken(pos, pack(item), getattr(item, "edge", "").encode())  # type: ignore[arg-type] # all can be read
        for pos, item in enumerate(items, begin)
    ]
    worked = partition.work(entries, now_ns=0)
    assert not any(isinstance(outcome, DeadLetter) and outcome.source == "inputs" for outcome in worked.outcomes)
    return list(worked.outcomes)


def test_a_worker_that_takes_a_partition_over_goes_on_with_its_runs_as_if_nothing_had_happened() -> None:
    items, core = shift(1, 16), benches()
    whole = _worked(Partition(0, Loaded(Records(), 1, 0, 0), core), items, 0)
    first = Partition(0, Loaded(Records(), 1, 0, 0), core)
    half = len(items) // 2
    outcomes = _worked(first, items[:half], 0)
    words, _ = first.unwritten()
    records, foreign = collected(replay([*words, (DONE, first.done())]))
    assert not foreign
    assert {name.partition("/")[0] for name in records.words} >= {"run", "station", "procedure"}
    outcomes += _worked(Partition(0, Loaded(records, 2, half, 0), core), items[half:], half)
    assert encoded(outcomes) == encoded(whole)


def test_runs_and_advice_and_labels_travel_on_one_topic_in_the_order_of_their_edge() -> None:
    outcomes = _worked(Partition(0, Loaded(Records(), 1, 0, 0), benches()), shift(1, 16), 0)
    sent = [parcel for parcel in parcels(outcomes) if parcel.topic == ADVICE]
    assert {type(outcome) for outcome in outcomes} >= {Advice, Run, Label}
    told = [outcome for outcome in outcomes if isinstance(outcome, Advice | Run | Label)]
    assert Counter(parcel.key for parcel in sent) == Counter(outcome.edge.encode() for outcome in told)
    assert [each for parcel in sent for each in _opened(parcel.body)] == encoded(told)


def _opened(body: bytes) -> list[bytes]:
    found = unpack_outcomes(body)
    assert isinstance(found, Sequence)
    return encoded(found)
