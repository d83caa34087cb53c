from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cutter import BATCH_BYTES, Cut, Cutter, Timed
from edge.lane import Lane
from edge.tally import REASONS
from wire.envelope import pack, unpack_input
from wire.messages import NS_PER_S, Batch, ClockDoubted, Event, Frame, Refused, SourceState, SourceStatus, StepEnded
from wire.ports import Arrival, Row

NOW = 1_790_000_000 * NS_PER_S
DAY = 86_400 * NS_PER_S
CHANNELS = [("a",), ("b",), ("a", "b")]


def cutter() -> Cutter:
    return Cutter(past_ns=DAY, future_ns=300 * NS_PER_S, single=lambda _device, channels: channels == ("b",))


def row(value: float, claimed_ns: int | None = None, device: str = "d", channels: tuple[str, ...] = ("a",)) -> Row:
    return Row(device, channels, (value,) * len(channels), claimed_ns)


def frames_of(cut: Cut) -> list[Frame]:
    return [frame for draft in cut.drafts for frame in draft.frames]


def events_of(cut: Cut) -> list[Event]:
    return [event for draft in cut.drafts for event in draft.events]


def laid(frame: Frame) -> list[tuple[int, tuple[float, ...]]]:
    width = len(frame.channels)
    values = array({"f8": "d", "f4": "f"}[frame.dtype], frame.values)
    return [(t, tuple(values[i * width : (i + 1) * width])) for i, t in enumerate(array("q", frame.t_ns))]


def times_of(cut: Cut) -> list[int]:
    return [t for frame in frames_of(cut) for t in array("q", frame.t_ns)]


claims = st.one_of(
    st.none(),
    st.integers(NOW - 5, NOW + 5),
    st.integers(NOW - 2 * DAY, NOW + 2 * DAY),
    st.integers(-(2**80), 2**80),
)
rows = st.builds(row, st.integers(0, 1000), claims, st.sampled_from(["d1", "d2"]), st.sampled_from(CHANNELS))
arrivals = st.lists(
    st.builds(
        lambda found, at_ns: Timed(Arrival("s", found), at_ns),
        st.lists(rows, max_size=8),
        st.integers(NOW - NS_PER_S, NOW + NS_PER_S),
    ),
    max_size=8,
)


@given(arrivals)
def test_every_row_is_in_one_frame_with_its_values_and_in_its_order(found: Sequence[Timed]) -> None:
    cut = cutter().cut(found)
    for device in ("d1", "d2"):
        for channels in CHANNELS:
            came = [r.values for t in found for r in t.arrival.rows if (r.device, r.channels) == (device, channels)]
            kept = [v for f in frames_of(cut) if (f.device, f.channels) == (device, channels) for _, v in laid(f)]
            assert kept == came


@given(arrivals)
def test_no_time_outside_the_window_gets_past_and_every_doubt_is_counted(found: Sequence[Timed]) -> None:
    cut = cutter().cut(found)
    assert all(NOW - NS_PER_S - DAY <= t <= NOW + 302 * NS_PER_S for t in times_of(cut))
    doubted = sum(
        r.claimed_ns is not None and not t.at_ns - DAY <= r.claimed_ns <= t.at_ns + 300 * NS_PER_S
        for t in found
        for r in t.arrival.rows
    )
    events = [e for draft in cut.drafts for e in draft.events]
    assert all(isinstance(e, ClockDoubted) for e in events)
    assert sum(e.rows for e in events if isinstance(e, ClockDoubted)) == doubted
    assert len(events) <= 2


@given(arrivals)
def test_every_draft_survives_the_wire(found: Sequence[Timed]) -> None:
    for draft in cutter().cut(found).drafts:
        batch = Lane(edge="e", log="0" * 32).next(draft, clock_ns=NOW)
        assert unpack_input(pack(batch)) == batch


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 10))
def test_arrival_stamps_of_a_device_only_increase_however_the_groups_fall(steps: Sequence[int], group: int) -> None:
    at_ns = NOW
    timed = []
    for step in steps:
        at_ns += step - 1  # the clock of the edge may be slewed back a little
        timed.append(Timed(Arrival("s", [row(0.0)]), at_ns))
    cutting = cutter()
    cuts = [cutting.cut(timed[i : i + group]) for i in range(0, len(timed), group)]
    times = [t for cut in cuts for t in times_of(cut)]
    assert times == sorted(set(times))
    assert sum(cut.moved for cut in cuts) == sum(t != one.at_ns for t, one in zip(times, timed, strict=True))


def test_a_claimed_time_within_the_window_is_believed() -> None:
    claimed = [NOW - DAY, NOW + 300 * NS_PER_S]
    cut = cutter().cut([Timed(Arrival("s", [row(0.0, t) for t in claimed]), NOW)])
    assert times_of(cut) == claimed
    assert cut.drafts[0].events == ()


def test_a_doubted_clock_is_told_once_a_device_with_the_first_claim() -> None:
    found = [row(0.0, 0), row(1.0, 5), row(2.0, 2**80, "other")]
    cut = cutter().cut([Timed(Arrival("s", found), NOW)])
    assert times_of(cut) == [NOW, NOW + 1, NOW]
    assert cut.drafts[0].events == (ClockDoubted("d", NOW, 0, 2), ClockDoubted("other", NOW, 2**63 - 1, 1))


def test_recorded_data_keeps_its_own_times_whatever_they_are() -> None:
    claimed = [0, 5, 2**62]
    cut = cutter().cut([Timed(Arrival("s", [row(0.0, t) for t in claimed], own_times=True), NOW)])
    assert times_of(cut) == claimed
    assert [f.own_times for f in frames_of(cut)] == [True]
    assert cut.drafts[0].events == ()


def test_equal_claimed_stamps_are_moved_and_counted_and_older_rows_begin_another_frame() -> None:
    found = [row(0.0, NOW), row(1.0, NOW), row(2.0, NOW - 5), row(3.0, NOW - 4)]
    cut = cutter().cut([Timed(Arrival("s", found), NOW)])
    assert [laid(f) for f in frames_of(cut)] == [
        [(NOW, (0.0,)), (NOW + 1, (1.0,))],
        [(NOW - 5, (2.0,)), (NOW - 4, (3.0,))],
    ]
    assert cut.moved == 1


def test_a_clock_that_was_set_back_is_followed_a_slewed_one_is_waited_for() -> None:
    cutting = cutter()
    stamps = [
        times_of(cutting.cut([Timed(Arrival("s", [row(0.0)]), at)]))[0]
        for at in (NOW, NOW - 1000, NOW - 3600 * NS_PER_S, NOW - 3600 * NS_PER_S + 10)
    ]
    assert stamps == [NOW, NOW + 1, NOW - 3600 * NS_PER_S, NOW - 3600 * NS_PER_S + 10]


def test_much_at_once_is_split_into_batches_of_about_a_megabyte() -> None:
    channels = tuple(f"c{i}" for i in range(100))
    found = [Row("d", channels, (float(i),) * 100, NOW + i) for i in range(5000)]
    drafts = cutter().cut([Timed(Arrival("s", found), NOW)]).drafts
    sizes = [len(pack(Batch("e", "0" * 32, 1, NOW, frames=d.frames, events=d.events))) for d in drafts]
    assert max(sizes) <= BATCH_BYTES + 1000
    assert len(sizes) < 8
    assert [v for d in drafts for f in d.frames for v in array("d", f.values)[::100]] == [float(i) for i in range(5000)]


def test_many_reasons_of_refusal_are_told_as_one() -> None:
    events = [Refused("s", f"reason {i}", b"x") for i in range(1000)]
    told = cutter().cut([Timed(Arrival("s", events=events), NOW)]).drafts[0].events
    assert len(told) == REASONS + 1
    assert sum(e.count for e in told if isinstance(e, Refused)) == 1000


def test_a_time_that_a_source_left_open_becomes_the_time_of_arrival() -> None:
    events: list[Event] = [SourceState("s", SourceStatus.CONNECTED), Refused("s", "r", b"x")]
    told = cutter().cut([Timed(Arrival("s", events=events), NOW)]).drafts[0].events
    assert [e.t_ns for e in told if isinstance(e, SourceState | Refused)] == [NOW, NOW]


@pytest.mark.parametrize(
    "bad",
    [
        Row("d", ("a",), (1.0, 2.0)),
        Row("d", ("a", "a"), (1.0, 2.0)),
        Row("d", (), ()),
        Row("d", ("\ud800",), (1.0,)),
    ],
)
def test_what_no_frame_can_hold_is_an_error(bad: Row) -> None:
    with pytest.raises(ValueError, match=r"values|channels|surrogates"):
        cutter().cut([Timed(Arrival("s", [bad]), NOW)])


def test_a_number_too_large_for_single_precision_stays_what_it_is() -> None:
    large = Row("d", ("b",), (1e39,))
    cut = cutter().cut([Timed(Arrival("s", [row(1.5, channels=("b",))]), NOW), Timed(Arrival("s", [large]), NOW + 1)])
    (frame,) = frames_of(cut)
    assert (frame.dtype, [values for _, values in laid(frame)]) == ("f8", [(1.5,), (1e39,)])


def test_a_device_that_sends_values_as_names_is_stopped_at_a_bound_and_others_are_not() -> None:
    there = cutter()
    for number in range(1024):
        there.cut([Timed(Arrival("s", [row(1, channels=(f"at-{number}",))]), NOW)])
    with pytest.raises(ValueError, match="more than 1024 channels of one device"):
        there.cut([Timed(Arrival("s", [row(1, channels=("at-1024",))]), NOW)])
    kept = there.cut([Timed(Arrival("s", [row(1, channels=("at-7",)), row(1, device="other")]), NOW)])
    assert [frame.device for frame in frames_of(kept)] == ["d", "other"]


def test_a_run_event_without_a_time_gets_that_of_its_arrival_and_one_that_cannot_be_is_doubted() -> None:
    said = [
        StepEnded("r", "S01", 0, station="bench-1"),
        StepEnded("r", "S02", NOW - 5, station="bench-1"),
        StepEnded("r", "S03", NOW - 2 * DAY, station="bench-1"),
        StepEnded("r", "S04", NOW + DAY),
    ]
    events = events_of(cutter().cut([Timed(Arrival("s", events=said), NOW)]))
    assert [event.t_ns for event in events if isinstance(event, StepEnded)] == [NOW, NOW - 5, NOW, NOW]
    assert [event for event in events if isinstance(event, ClockDoubted)] == [
        ClockDoubted("bench-1", NOW, NOW - 2 * DAY),
        ClockDoubted("*", NOW, NOW + DAY),
    ]


def test_run_events_of_a_source_with_its_own_times_keep_them() -> None:
    said = StepEnded("r", "S01", NOW - 400 * DAY, station="bench-1")
    assert events_of(cutter().cut([Timed(Arrival("s", events=[said], own_times=True), NOW)])) == [said]
