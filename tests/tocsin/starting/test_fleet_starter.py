"""The files of a fleet: valid as they are written, secrets in one of them alone, nothing replaced unasked."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.tocsin.plant import tocsin
from tocsin.examining.check import TOKEN_MIN, check
from tocsin.starting.fleet_starter import COMPOSE, EDGE, ENV, FLEET, SETTINGS, env_text, write_fleet
from tocsin.starting.starter import StarterError
from wire.config import MqttSource, SerialSource
from wire.settings import load

ROOT = Path(__file__).parents[3]
SECRETS = {each.name for each in SETTINGS if not each.value}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with a docker-compose.yml."""
    (tmp_path / COMPOSE).write_text("services: {}\n")
    return tmp_path


def values(folder: Path) -> dict[str, str]:
    """What `.env` says, read as docker compose reads plain lines."""
    lines = [line for line in (folder / ENV).read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def texts(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in (FLEET, EDGE, ENV)}


def test_what_is_written_can_be_run_with_the_secrets_beside_it(checkout: Path) -> None:
    write_fleet(checkout / FLEET)
    environ = values(checkout)
    assert check(checkout / FLEET, environ=environ) == []
    assert check(checkout / EDGE, environ=environ) == []
    fleet, edge = load(checkout / FLEET).config, load(checkout / EDGE).config
    assert (fleet.bus, fleet.site) == (edge.bus, edge.site)
    assert [type(source) for source in edge.edge.sources] == [MqttSource]
    assert fleet.edge.sources == ()


def test_each_config_names_the_variables_that_it_needs(checkout: Path) -> None:
    write_fleet(checkout / FLEET)
    assert [problem.key for problem in check(checkout / FLEET, environ={})] == ["console.listen"]
    assert [problem.key for problem in check(checkout / EDGE, environ={})] == [
        "edge.sources[0].username_env",
        "edge.sources[0].password_env",
    ]


def test_the_serial_example_is_valid_with_its_comments_taken_off(checkout: Path) -> None:
    write_fleet(checkout / FLEET)
    head, example = (checkout / EDGE).read_text().split("# A serial line")
    taken_off = "\n".join(line.removeprefix("# ") for line in example.splitlines()[1:])
    (checkout / EDGE).write_text(head + taken_off)
    assert check(checkout / EDGE, environ=values(checkout)) == []
    assert [type(source) for source in load(checkout / EDGE).config.edge.sources] == [MqttSource, SerialSource]


def test_secrets_are_drawn_each_time_and_stand_in_one_file_that_only_its_owner_reads(checkout: Path) -> None:
    umask = os.umask(0)
    try:
        said = write_fleet(checkout / FLEET)
    finally:
        os.umask(umask)
    first = values(checkout)
    drawn = {first[name] for name in SECRETS}
    assert len(drawn) == len(SECRETS)
    assert min(map(len, drawn)) >= TOKEN_MIN
    assert not [secret for secret in drawn if secret in said + texts(checkout)[FLEET] + texts(checkout)[EDGE]]
    modes = {name: stat.S_IMODE((checkout / name).stat().st_mode) for name in (FLEET, EDGE, ENV)}
    assert modes == {FLEET: 0o644, EDGE: 0o644, ENV: 0o600}
    (checkout / ENV).unlink()
    write_fleet(checkout / FLEET, force=True)
    assert not drawn & set(values(checkout).values())


@pytest.mark.parametrize("name", [FLEET, EDGE, ENV])
def test_nothing_is_written_where_one_file_is_there(checkout: Path, name: str) -> None:
    (checkout / name).write_text("mine")
    with pytest.raises(StarterError, match="--force"):
        write_fleet(checkout / FLEET)
    assert {path.name for path in checkout.iterdir()} == {COMPOSE, name}
    assert (checkout / name).read_text() == "mine"


def test_forced_it_writes_anew_and_keeps_the_secrets_that_the_servers_have_taken(checkout: Path) -> None:
    write_fleet(checkout / FLEET)
    before = values(checkout)
    kept = {name: value for name, value in before.items() if name != "MQTT_PASSWORD"}
    (checkout / ENV).write_text("\n".join(f"{name} = {value}" for name, value in kept.items()) + "\nMQTT_PASSWORD=\n")
    (checkout / FLEET).write_text("mine")
    write_fleet(checkout / FLEET, force=True)
    after = values(checkout)
    assert after.keys() == before.keys()
    assert after == kept | {"MQTT_PASSWORD": after["MQTT_PASSWORD"]}
    assert after["MQTT_PASSWORD"] not in {"", before["MQTT_PASSWORD"]}
    assert check(checkout / FLEET, environ=after) == []


def test_a_value_with_an_equals_sign_is_kept_whole() -> None:
    assert "\nMQTT_PASSWORD=a=b\n" in env_text({"MQTT_PASSWORD": "a=b"})


def test_it_says_where_it_has_to_be_run(tmp_path: Path) -> None:
    with pytest.raises(StarterError, match="run this in the checkout"):
        write_fleet(tmp_path / FLEET)
    (tmp_path / COMPOSE).write_text("")
    with pytest.raises(StarterError, match=r"cannot be called other\.toml"):
        write_fleet(tmp_path / "other.toml")
    (tmp_path / ENV).mkdir()
    with pytest.raises(StarterError, match="cannot be written"):
        write_fleet(tmp_path / FLEET, force=True)


def test_the_command_says_what_comes_next_and_refuses_a_second_time(checkout: Path) -> None:
    config = checkout / FLEET
    done = tocsin("init", "--fleet", "-c", config)
    assert done.exit_code == 0
    assert f"next:  cd {checkout} && docker compose up --detach --build" in done.stdout
    again = tocsin("init", "--fleet", "-c", config)
    assert (again.exit_code, "--force" in again.stderr) == (2, True)


def test_git_does_not_see_the_files_of_a_fleet() -> None:
    asked = ["git", "check-ignore", ENV, FLEET, EDGE]
    assert subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split() == asked[2:]
