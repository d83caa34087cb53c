"""The alarms of a fleet in memory, from records in the order of the bus."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from store.influx.reading import book as bounds
from store.influx.reading.book import Book
from wire.envelope import pack
from wire.messages import Alarm, AlarmState, Origin, Priority, Tick
from wire.ports import Record
from wire.topics import ALARMS

STATES = list(AlarmState)


def alarm(device: str, number: int, version: int, state: AlarmState) -> Alarm:
    return Alarm(
        id=f"{device}-{number}",
        origin=Origin("edge-1", "0" * 32, 1),
        edge="edge-1",
        device=device,
        rule="anomaly",
        version=version,
        state=state,
        priority=Priority.HIGH,
        onset_ns=number,
        changed_ns=number * 1000 + version,
        summary="It rings",
    )


def record(told: Alarm | bytes, key: bytes = b"") -> Record:
    body = told if isinstance(told, bytes) else pack(told)
    return Record(ALARMS, 0, 0, key or f"edge-1/{told.device}/anomaly".encode(), body, 0)  # type: ignore[union-attr]


def life(device: str, number: int) -> Iterator[Alarm]:
    for version, state in enumerate((AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED, AlarmState.NORMAL), start=1):
        yield alarm(device, number, version, state)


@given(st.permutations(list(life("pump", 1))), st.lists(st.sampled_from(list(life("pump", 1)))))
def test_repetitions_and_older_states_change_nothing(order: list[Alarm], again: list[Alarm]) -> None:
    book = Book(map(record, [*order, *again]))
    assert book.alarms() == [list(life("pump", 1))[-1]]
    assert book.standing() == []


def test_a_new_alarm_of_a_rule_takes_the_place_of_the_old_which_is_remembered() -> None:
    first, second = list(life("pump", 1)), list(life("pump", 2))
    book = Book(map(record, [*first, *second[:2]]))
    assert book.standing() == [second[1]]
    assert book.alarms() == [second[1], first[2]]
    assert book.get("pump-1") == first[2]
    assert book.get("nothing") is None


def test_one_that_was_overtaken_before_its_end_was_told_stands_no_more() -> None:
    book = Book(
        map(record, [alarm("pump", 1, 1, AlarmState.UNACKNOWLEDGED), alarm("pump", 2, 1, AlarmState.ACKNOWLEDGED)])
    )
    assert [one.id for one in book.alarms()] == ["pump-2"]


def test_an_erased_key_stands_no_more_and_what_is_no_alarm_changes_nothing() -> None:
    raised = alarm("pump", 1, 1, AlarmState.UNACKNOWLEDGED)
    book = Book([record(raised), record(pack(Tick(1)), record(raised).key), record(b"damaged", record(raised).key)])
    assert book.standing() == [raised]
    book.absorb(record(b"", record(raised).key))
    assert book.alarms() == []


def test_a_full_book_forgets_what_is_over_and_only_then_what_stands() -> None:
    over = [record(alarm(f"over-{i}", 1, 1, AlarmState.NORMAL)) for i in range(bounds.MOST - 1)]
    book = Book(over)
    for i in range(bounds.MOST + 1):
        book.absorb(record(alarm(f"pump-{i}", 1, 1, AlarmState.UNACKNOWLEDGED)))
    assert (len(book.standing()), len(book.alarms()), book.forgotten) == (bounds.MOST, bounds.MOST, 1)
    assert book.get("pump-0-1") is None
