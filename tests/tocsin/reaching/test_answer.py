from pathlib import Path

import pytest

from benchmarks.processes import until
from edge.log import LocalLog
from tests.tocsin.plant import DEADLINE_S, Up, tocsin, told, up
from tocsin.places import log_path
from tocsin.reaching.reach import WrongConfigError, reached
from wire.settings import load


def listed(config: Path, *more: str) -> dict[str, dict[str, object]]:
    return {str(a["rule"]): a for a in told(tocsin("alarms", "list", "--json", "-c", config, *more))}


def test_alarms_are_listed_alike_running_and_stopped(running: Up, stopped: Path) -> None:
    live, still = listed(running.config, "--all"), listed(stopped, "--all")
    assert set(live) == set(still) == {"limit:temperature:H", "limit:current:H"}
    for rule, alarm in still.items():
        assert [alarm[key] for key in ("id", "onset_ns", "summary")] == [
            live[rule][key] for key in ("id", "onset_ns", "summary")
        ]


def test_the_list_is_a_line_an_alarm(stopped: Path) -> None:
    result = tocsin("alarms", "list", "-c", stopped)
    assert result.exit_code == 0
    states = {line.split()[2] for line in result.stdout.splitlines()}
    assert states == {"unacknowledged", "returned-unacknowledged"}
    assert "temperature" in result.stdout


def test_an_alarm_of_a_running_box_is_acknowledged(running: Up) -> None:
    alarm = str(listed(running.config)["limit:current:H"]["id"])
    result = tocsin("alarms", "ack", alarm, "--who", "Ada", "--why", "seen", "-c", running.config)
    assert (result.exit_code, result.stdout) == (0, f"{alarm} acknowledged by Ada\n")

    def acknowledged() -> bool:
        found = listed(running.config)["limit:current:H"]
        return (found["state"], found["who"], found["why"]) == ("acknowledged", "Ada", "seen")

    until(acknowledged, within_s=DEADLINE_S, what="the alarm to be acknowledged")
    again = tocsin("alarms", "ack", alarm, "--who", "Bob", "-c", running.config)
    assert again.exit_code == 1
    assert "needs an answer" in again.stderr


def test_an_answer_to_a_stopped_box_is_applied_when_it_starts(stopped: Path) -> None:
    alarm = str(listed(stopped)["limit:current:H"]["id"])
    result = tocsin("alarms", "ack", alarm[:12], "--who", "Ada", "-c", stopped)
    assert (result.exit_code, result.stdout) == (0, f"{alarm} will be acknowledged by Ada when the box starts\n")
    assert listed(stopped)["limit:current:H"]["state"] == "unacknowledged"
    with up(stopped) as box:
        box.ready()

        def acknowledged() -> bool:
            found = listed(stopped)["limit:current:H"]
            return (found["state"], found["who"]) == ("acknowledged", "Ada")

        until(acknowledged, within_s=DEADLINE_S, what="the alarm to be acknowledged")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("none", "--who", "Ada"), "no alarm 'none' needs an answer"), (("", "--who", "Ada"), "fits 2 alarms")],
)
def test_an_alarm_that_is_not_one_is_a_sentence(stopped: Path, words: tuple[str, ...], sentence: str) -> None:
    result = tocsin("alarms", "ack", *words, "-c", stopped)
    assert result.exit_code == 1
    assert sentence in result.stderr


def test_an_answer_needs_a_name(running: Up, stopped: Path) -> None:
    for config in (running.config, stopped):
        alarm = str(listed(config)["limit:temperature:H"]["id"])
        result = tocsin("alarms", "ack", alarm, "--who", " ", "-c", config)
        assert result.exit_code == 1
        assert "--who" in result.stderr


def test_an_answer_while_the_log_is_in_use_is_refused_with_a_sentence(stopped: Path) -> None:
    loaded = load(stopped)
    alarm = str(listed(stopped)["limit:current:H"]["id"])
    with LocalLog.of(log_path(loaded), loaded.config.edge):
        result = tocsin("alarms", "ack", alarm, "--who", "Ada", "-c", stopped)
    assert result.exit_code == 1
    assert "in use by another process" in result.stderr


def test_a_box_that_cannot_be_found_is_a_sentence(tmp_path: Path) -> None:
    result = tocsin("alarms", "list", "-c", tmp_path / "none.toml")
    assert result.exit_code == 2
    assert "there is no such file" in result.stderr


def test_a_fleet_is_no_box_that_can_be_asked(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text('bus = "kafka://127.0.0.1:9092"\nstore = "influxdb://127.0.0.1:8086/plant"\n')
    with pytest.raises(WrongConfigError, match="see the page of its tocsin serve"), reached(load(config)):
        pass
