import json
import signal
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from benchmarks.processes import free_port
from tests.tocsin.plant import page, tocsin, up
from tocsin.command import cli
from tocsin.options import Duration


def commands(command: click.Command, *words: str) -> Iterator[tuple[str, ...]]:
    """All that can be typed, as words."""
    yield words
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from commands(sub, *words, name)


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_every_command_explains_itself_with_an_example(words: tuple[str, ...]) -> None:
    result = tocsin(*words, "--help")
    assert result.exit_code == 0
    lines = [line.removeprefix("Example:").strip() for line in map(str.strip, result.stdout.splitlines())]
    assert any(line.startswith(" ".join(("tocsin", *words))) for line in lines if line), result.stdout


def test_every_option_but_the_obvious_is_explained() -> None:
    # What is not typed in plain words: the path of a command, and its option.
    silent = [
        f"{' '.join(words)} {option.name}"
        for words in commands(cli)
        for option in _command(words).params
        if isinstance(option, click.Option) and not option.help and option.name not in {"device", "separator"}
    ]
    assert silent == []


def _command(words: tuple[str, ...]) -> click.Command:
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    return command


def test_the_version_is_told() -> None:
    result = tocsin("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("tocsin, version ")


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90.0), ("15m", 900.0), ("2h", 7200.0), ("100ms", 0.1), (3, 3)]
)
def test_durations_are_read(written: object, seconds: float) -> None:
    assert Duration().convert(written, None, None) == seconds


@pytest.mark.parametrize("written", ["", "ten", "5", "-1s", "1 parsec"])
def test_what_is_no_duration_is_a_sentence(written: str) -> None:
    result = tocsin("demo", "--for", written)
    assert result.exit_code == 2
    assert "Invalid value for '--for'" in result.stderr


def test_a_first_config_is_written_checked_and_run(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    written = tocsin("init", "-c", config)
    assert written.exit_code == 0
    assert f"next:  tocsin up -c {config}" in written.stdout
    checked = tocsin("check", "-c", config)
    assert (checked.exit_code, checked.stdout) == (0, f"{config}: all is well\n")
    text = config.read_text()
    again = tocsin("init", "-c", config)
    assert again.exit_code == 2
    assert "--force" in again.stderr
    assert config.read_text() == text
    # Everything but the port stays as written: others on this machine may have a box of their own.
    config.write_text(text.replace("127.0.0.1:8765", f"127.0.0.1:{free_port()}"))
    with up(config) as box:
        box.ready()
        assert page(config) in box.said
        assert box.end(signal.SIGINT) == 0


def test_check_tells_programs_everything_at_once(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text('site = 1\n[[edge.sources]]\ntype = "serial"\nbaud = "fast"\n')
    result = tocsin("check", "--json", "-c", config)
    problems = json.loads(result.stdout)
    assert result.exit_code == 2
    assert [problem.startswith(f"{config}:") for problem in problems] == [True] * len(problems)
    assert {"site", "edge.sources[0].baud", "edge.sources[0].port"} <= {p.split(": ")[1] for p in problems}
    plain = tocsin("check", "-c", config)
    assert (plain.exit_code, plain.stdout) == (2, "")
    assert plain.stderr.splitlines() == problems


def test_check_of_a_sound_config_tells_programs_nothing(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text('[[edge.sources]]\ntype = "host"\n')
    result = tocsin("check", "--json", "-c", config)
    assert (result.exit_code, result.stdout) == (0, "[]\n")
