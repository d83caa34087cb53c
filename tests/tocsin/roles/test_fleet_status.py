"""What the page of a fleet says of its roles, from what the brokers tell."""

from collections.abc import Collection, Mapping

import pytest

from bus.lag import Place
from tests.store.influx.fakes import Bus
from tocsin.roles.fleet_status import BEHIND_S, FleetStatus, Team
from tocsin.roles.inbox import BusInbox
from wire.envelope import unpack_input
from wire.messages import Action, Tick, Verb
from wire.ports import BusError
from wire.topics import INPUTS


class Brokers:
    """Groups that stand where a test puts them."""

    def __init__(self) -> None:
        self.done, self.end, self.present, self.away = 0, 0, True, False
        self.now_s = 0.0

    def places(self, group: str, topics: Collection[str]) -> Mapping[tuple[str, int], Place]:
        assert group in {"tocsin-stream", "tocsin-sink"}
        if self.away:
            msg = "no Kafka broker tells"
            raise BusError(msg)
        done = self.end if group == "tocsin-stream" else self.done
        return {(topic, 0): Place(done, self.end) for topic in topics}

    def members(self, group: str) -> int:
        return 1 if self.present or group != "tocsin-sink" else 0


def watched(brokers: Brokers, *troubles: str) -> FleetStatus:
    teams = [Team("stream", [INPUTS], "scores"), Team("sink", [INPUTS], "stores")]
    return FleetStatus(brokers, teams, troubles=lambda: troubles, clock_s=lambda: brokers.now_s)


def test_before_the_first_look_nothing_is_claimed() -> None:
    told = watched(Brokers()).status()
    assert (told.lag_s, told.backlog, told.stalled, told.notes, told.fleet) == (None, None, "", (), True)


def test_who_is_behind_for_long_is_named_with_what_to_do() -> None:
    brokers = Brokers()
    status = watched(brokers)
    status.look()
    brokers.end = 7
    for brokers.now_s in (3.0, 13.0):
        status.look()
    told = status.status()
    assert (told.lag_s, told.backlog, told.stalled) == (10.0, 7, "")
    assert told.notes == ("tocsin stream: at work, 0 records behind.", "tocsin sink: at work, 7 records behind.")
    brokers.now_s = 4.0 + BEHIND_S
    status.look()
    assert status.status().stalled == "Who stores is 31 s behind: add one more tocsin sink, or look at its log."
    brokers.done = 7
    status.look()
    assert (status.status().stalled, status.status().lag_s) == ("", 0.0)


def test_a_page_that_is_started_anew_says_so_until_what_waited_is_done() -> None:
    brokers = Brokers()
    brokers.end, brokers.done = 7, 3
    status = watched(brokers)
    status.look()
    assert status.status().stalled == "Who stores works on what waited before this page was started (records: 4)."
    brokers.end, brokers.done = 99, 7
    status.look()
    assert status.status().stalled == ""


def test_what_a_keeper_wrote_down_of_models_is_on_the_page_of_a_fleet() -> None:
    team = Team("sink", [INPUTS], "stores")
    status = FleetStatus(Brokers(), [team], troubles=tuple, kept=lambda: {"pump": "promoted: version 2"})
    assert status.status().kept == {"pump": "promoted: version 2"}


def test_that_nobody_is_at_work_is_said_when_it_lasts() -> None:
    brokers = Brokers()
    brokers.present = False
    status = watched(brokers)
    status.look()
    assert status.status().stalled == ""
    status.look()
    assert status.status().stalled == "Nobody stores, and 0 records wait: start tocsin sink."


def test_all_that_is_away_is_said_in_one_breath() -> None:
    brokers = Brokers()
    status = watched(brokers, "", "InfluxDB is away.")
    status.look()
    assert status.status().stalled == "InfluxDB is away."
    brokers.away = True
    status.look()
    said = "no Kafka broker tells. Alarms may be old, and none can be acknowledged. InfluxDB is away."
    assert status.status().stalled == said
    brokers.away = False
    status.look()
    assert status.status().stalled == "InfluxDB is away."


def test_what_a_person_does_is_on_the_inputs_under_its_edge_when_it_is_answered() -> None:
    bus, action = Bus(), Action("id", "edge-7", "pump", "anomaly", Verb.ACKNOWLEDGE, "Ada")
    inbox = BusInbox(bus)
    assert (inbox.append(action), inbox.append(action)) == (1, 2)
    assert [(record.key, unpack_input(record.body)) for record in bus.topics[INPUTS]] == [(b"edge-7", action)] * 2


def test_what_the_bus_does_not_take_is_no_answer() -> None:
    bus = Bus()
    bus.refusals = 1
    with pytest.raises(BusError, match="did not take it \\(no replica\\)"):
        BusInbox(bus).append(Action("id", "edge-7", "pump", "anomaly", Verb.ACKNOWLEDGE, "Ada"))
    with pytest.raises(BusError, match="tick is of no edge"):
        BusInbox(bus).append(Tick(1))
    assert bus.topics == {}
