"""What only this machine can tell of a config: files, variables, conditions, an open page."""

from pathlib import Path

import pytest

from tocsin.examining.check import check

HOST = '[[edge.sources]]\ntype = "host"\n'
MQTT = '[[edge.sources]]\ntype = "mqtt"\nurl = "mqtts://h"\n'


def said(folder: Path, text: str, **environ: str) -> list[str]:
    path = folder / "tocsin.toml"
    path.write_text(text)
    return [str(problem).removeprefix(f"{path}:") for problem in check(path, environ=environ)]


def test_a_sound_config_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / "may.csv").write_text("time,a\n")
    replay = '[[edge.sources]]\ntype = "replay"\npath = "may.csv"\ndevice = "pump-1"\n'
    rule = '[[devices]]\nmatch = "*"\nrunning_when = "current > 0.5 and not (speed < 10)"\n'
    assert said(tmp_path, HOST + replay + rule) == []


def test_a_config_that_cannot_be_read_gives_its_problems(tmp_path: Path) -> None:
    assert "there is no such file" in str(check(tmp_path / "none.toml")[0])
    assert len(said(tmp_path, 'site = 1\n[[edge.sources]]\ntype = "x"')) == 2


@pytest.mark.parametrize("key", ["ca_file", "cert_file"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, key: str) -> None:
    (tmp_path / "key.pem").write_text("")
    found = said(tmp_path, MQTT + f'{key} = "none.pem"\n' + 'key_file = "key.pem"\n' * (key == "cert_file"))
    assert found == [f"4: edge.sources[0].{key}: there is no file {tmp_path / 'none.pem'}"]


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    text = MQTT + 'username_env = "USER_OF_H"\npassword_env = "WORD_OF_H"\n'
    assert said(tmp_path, text, USER_OF_H="ada", WORD_OF_H="x") == []
    (found,) = said(tmp_path, text, USER_OF_H="ada")
    assert "5: edge.sources[0].password_env: the environment variable WORD_OF_H is not set" in found


def test_a_condition_that_cannot_be_parsed_is_shown(tmp_path: Path) -> None:
    (found,) = said(tmp_path, HOST + '[[devices]]\nmatch = "*"\nrunning_when = "current >"\n')
    assert found.startswith("5: devices[0].running_when: ")
    assert 'such as "current > 0.5' in found


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "plant.example:80", "[::]:80"])
def test_an_open_page_needs_a_token(tmp_path: Path, listen: str) -> None:
    text = HOST + f'[console]\nlisten = "{listen}"\n'
    assert said(tmp_path, text, TOCSIN_TOKEN="t" * 16) == []
    (found,) = said(tmp_path, text, TOCSIN_TOKEN="short")
    assert "set a token of at least 16 characters in the environment variable TOCSIN_TOKEN" in found


@pytest.mark.parametrize("listen", ["127.0.0.1:80", "localhost:80", "[::1]:80", "127.9.9.9:0"])
def test_a_page_for_this_machine_needs_none(tmp_path: Path, listen: str) -> None:
    assert said(tmp_path, HOST + f'[console]\nlisten = "{listen}"\n') == []


def test_an_edge_that_others_can_reach_needs_a_token(tmp_path: Path) -> None:
    door = HOST + '[edge]\nlisten = "0.0.0.0:8770"\n'
    assert "edge.listen" in said(tmp_path, door)[0]
    assert "TOCSIN_TOKEN" in said(tmp_path, door)[0]
    assert said(tmp_path, door, TOCSIN_TOKEN="0123456789abcdef") == []
