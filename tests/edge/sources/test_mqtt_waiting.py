from hypothesis import given
from hypothesis import strategies as st

from edge.sources.mqtt_waiting import WaitingRoom
from tests.edge.sources.fakes import KeepingIntake
from wire.messages import Gap
from wire.ports import Arrival, Receipt, Row


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def ns(self) -> int:
        return 10**18 + int(self.now_s * 1e9)


def arrival(number: int, *, kept: bool = True) -> Arrival:
    receipt = Receipt(key=b"%d" % number, done=lambda: None) if kept else None
    return Arrival("line", rows=(Row("pump", ("a",), (float(number),)),), receipt=receipt)


def room(clock: Clock, *, limit: int = 3) -> WaitingRoom:
    return WaitingRoom(source="line", limit=limit, clock_ns=clock.ns, monotonic_s=clock)


def values(intake: KeepingIntake) -> list[float]:
    return [row.values[0] for row in intake.rows]


def test_more_than_may_be_in_flight_is_crowded() -> None:
    waiting, intake = room(Clock()), KeepingIntake()
    intake.full = True
    for number in range(3):
        waiting.put(arrival(number), intake, keep=True)
    assert not waiting.crowded
    waiting.put(arrival(3), intake, keep=True)
    assert waiting.crowded


def test_a_full_outbox_is_asked_again_only_when_it_said() -> None:
    clock, intake = Clock(), KeepingIntake()
    waiting = room(clock)
    intake.full = True
    waiting.put(arrival(0), intake, keep=True)
    for _ in range(5):
        waiting.offer(intake)
    assert intake.refusals == 1
    clock.now_s += 1.0
    waiting.offer(intake)
    assert intake.refusals == 2


def test_what_the_broker_sends_again_is_forgotten_and_what_only_we_know_is_not() -> None:
    clock, intake = Clock(), KeepingIntake()
    waiting = room(clock)
    intake.full = True
    waiting.put(arrival(0), intake, keep=True)
    lost = Arrival("line", events=(Gap("*", 1, 2, -1, "the broker forgot"),))
    waiting.put(lost, intake, keep=True)
    waiting.forget()
    intake.full = False
    clock.now_s += 1.0
    waiting.offer(intake)
    assert intake.arrivals == [lost]


STEPS = st.lists(st.sampled_from(["kept", "dropped", "full", "room", "offer"]), max_size=40)


@given(STEPS)
def test_order_is_kept_and_every_message_is_passed_on_or_counted(steps: list[str]) -> None:
    clock, intake = Clock(), KeepingIntake()
    waiting = room(clock, limit=100)
    sent = []
    for number, step in enumerate(steps):
        clock.now_s += 1.0
        intake.full = {"full": True, "room": False}.get(step, intake.full)
        if step in {"kept", "dropped"}:
            sent.append(float(number))
            waiting.put(arrival(number, kept=step == "kept"), intake, keep=step == "kept")
        elif step == "offer":
            waiting.offer(intake)
    intake.full = False
    clock.now_s += 1.0
    waiting.offer(intake)
    passed = values(intake)
    assert passed == sorted(passed)
    assert len(waiting) == 0
    assert len(passed) + sum(gap.rows for gap in intake.of(Gap)) == len(sent)
