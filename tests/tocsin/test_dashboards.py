"""`tocsin dashboards build` and `push`, as they are typed."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.grafana.fake import fake_grafana
from tests.servers.ports import free_port
from tocsin.command import cli

FLEET = 'site = "hall"\nbus = "kafka://k:9092"\nstore = "influxdb://db:8086/plant?org=acme"\n'
BOX = 'site = "hall"\n[[edge.sources]]\ntype = "host"\n'


def run(*words: str, **environ: str) -> Result:
    unset: dict[str, str | None] = dict.fromkeys(
        f"TOCSIN_{name}" for name in ("GRAFANA_TOKEN", "GRAFANA_TOKEN_FILE", "INFLUX_TOKEN", "INFLUX_TOKEN_FILE")
    )
    return CliRunner().invoke(cli, ["dashboards", *words], env=unset | environ)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tocsin.toml"
    path.write_text(FLEET + '[console]\nlisten = "10.0.0.7:8700"\n')
    return path


def source(folder: Path) -> tuple[str, str]:
    (found,) = yaml.safe_load((folder / "datasources/tocsin.yaml").read_text())["datasources"]
    return found["url"], found["jsonData"]["dbName"]


def test_build_takes_its_addresses_from_the_config(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("build", "-c", str(config), "--out", str(out), TOCSIN_INFLUX_TOKEN="never written")
    assert done.exit_code == 0, done.output
    assert {Path(line) for line in done.output.split()} == {path for path in out.rglob("*") if path.is_file()}
    assert source(out) == ("http://db:8086", "plant")
    written = "".join(path.read_text() for path in out.rglob("*") if path.is_file())
    assert "http://10.0.0.7:8700/" in written
    assert "never written" not in written


def test_options_say_more_than_the_config(config: Path, tmp_path: Path) -> None:
    said = ("--page", "https://plant.example.org/", "--influx", "http://other:8086", "--database", "hall")
    assert run("build", "-c", str(config), "--out", str(tmp_path / "out"), *said).exit_code == 0
    assert source(tmp_path / "out") == ("http://other:8086", "hall")
    assert "https://plant.example.org/alarms" not in (tmp_path / "out/alerting/tocsin.yaml").read_text()
    assert "https://plant.example.org/health" in (tmp_path / "out/alerting/tocsin.yaml").read_text()


def test_without_any_config_the_names_of_the_compose_file_stand_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("build").exit_code == 0
    assert source(tmp_path / "grafana") == ("http://influxdb:8086", "tocsin")


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (BOX, (), "Grafana reads InfluxDB: say where it is with --influx"),
        (FLEET, ("--page", "plant.example.org"), "write it like https://tocsin.example.org"),
        ("site = 3\n", (), "site: expected text in quotes"),
    ],
)
def test_what_cannot_be_is_told_in_words(tmp_path: Path, text: str, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "tocsin.toml").write_text(text)
    done = run("build", "-c", str(tmp_path / "tocsin.toml"), "--out", str(tmp_path / "out"), *words)
    assert (done.exit_code, said in done.output) == (2, True), done.output
    assert not (tmp_path / "out").exists()


def test_a_box_whose_influxdb_is_named_by_hand_is_fine(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_text(BOX)
    words = ("-c", str(tmp_path / "tocsin.toml"), "--out", str(tmp_path / "out"), "--influx", "http://db:8086")
    assert run("build", *words).exit_code == 0
    assert source(tmp_path / "out") == ("http://db:8086", "tocsin")


def test_a_folder_that_cannot_be_written_is_named(config: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/dashboards").write_text("in the way")
    done = run("build", "-c", str(config), "--out", str(tmp_path / "out"))
    assert (done.exit_code, "name another folder with --out" in done.output) == (1, True)


def test_push_says_what_became_of_each_and_ends_with_0_only_if_nothing_is_to_be_done(
    config: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("admins\n")
    with fake_grafana() as grafana:
        words = ("push", "-c", str(config), "--url", grafana.url)
        secrets = {"TOCSIN_GRAFANA_TOKEN_FILE": str(tmp_path / "token"), "TOCSIN_INFLUX_TOKEN": "right"}
        first = run(*words, **secrets)
        assert first.exit_code == 0, first.output
        assert "made       dashboard Fleet overview" in first.output
        again = run(*words, "--json", **secrets)
        told = [json.loads(line) for line in again.output.splitlines()]
        assert {each["done"] for each in told} == {"unchanged"}
        grafana.boards["tocsin-fleet"]["panels"].pop()
        moved = run(*words, "--page", "https://tocsin.example.org", **secrets)
        assert (moved.exit_code, "push with --force" in moved.output) == (1, True)
        assert run(*words, "--page", "https://tocsin.example.org", "--force", **secrets).exit_code == 0


def test_push_says_what_is_wrong_with_the_grafana_or_the_words(config: Path, tmp_path: Path) -> None:
    words = ("push", "-c", str(config), "--url")
    away = run(*words, f"http://127.0.0.1:{free_port()}")
    assert (away.exit_code, "does not answer" in away.output) == (1, True)
    wrong = run(*words, "grafana")
    assert (wrong.exit_code, "is no address of a Grafana" in wrong.output) == (2, True)
    lost = run(*words, "http://127.0.0.1:1", TOCSIN_GRAFANA_TOKEN_FILE=str(tmp_path / "none"))
    assert (lost.exit_code, "which cannot be read" in lost.output) == (2, True)
    with fake_grafana() as grafana:
        denied = run(*words, grafana.url, TOCSIN_GRAFANA_TOKEN="viewers")
    assert (denied.exit_code, "the role Admin" in denied.output) == (1, True)
