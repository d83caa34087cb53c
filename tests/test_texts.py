"""Texts against what they speak of: every key documented with its default, every command and target real."""

import json
import re
import shlex
import subprocess
import tomllib
from enum import Enum
from pathlib import Path

import click
import msgspec
import pytest
import yaml
from msgspec import inspect

from wire.config import (
    Channel,
    Config,
    Console,
    Costs,
    DeviceRule,
    EdgeSettings,
    HostSource,
    Limits,
    ModelRule,
    MqttSource,
    Procedure,
    ReplaySource,
    Retention,
    SerialSource,
)
from wire.settings import parse
from wire.units import duration_text, size_text

ROOT = Path(__file__).parent.parent
DOCS = (ROOT / "docs/config.md").read_text(encoding="utf-8")
FLEET = (ROOT / "docs/fleet.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
EVERY_SOURCE = "`[[edge.sources]]`, every type"
SECTIONS: dict[str, type[msgspec.Struct]] = {
    "Top level": Config,
    "`[edge]`": EdgeSettings,
    '`type = "serial"`': SerialSource,
    '`type = "mqtt"`': MqttSource,
    '`type = "host"`': HostSource,
    '`type = "replay"`': ReplaySource,
    "`[[devices]]`": DeviceRule,
    "`[devices.channels.NAME]`": Channel,
    "`limits` of a channel": Limits,
    "`[[procedures]]`": Procedure,
    "`costs` of a procedure": Costs,
    "`[[models]]`": ModelRule,
    "`[console]`": Console,
    "`[retention]`": Retention,
}
SHARED = {"name", "on_start", "times"}  # of every source
WORDS = {  # defaults that are said in words
    ("`[edge]`", "sources"): "needed in practice",
}


def documented(section: str) -> dict[str, str]:
    """Key -> default of a section's table."""
    body = DOCS.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \| .+ \|$", body, re.MULTILINE))


def written(field: inspect.Field) -> str:
    """A default as the reference writes it."""
    if field.required:
        return "needed"
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    kind = field.type
    unit = kind.extra.get("parse") if isinstance(kind, inspect.Metadata) and kind.extra else None
    if default is None:
        return "not said"
    if isinstance(default, msgspec.Struct):
        return f"see `[{field.encode_name}]`"
    if default in ((), {}):
        return "none"
    if unit:
        default = duration_text(default) if unit == "duration" else size_text(default)
    if isinstance(default, Enum):
        default = default.value
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    return f"`{json.dumps(default, ensure_ascii=False)}`"


def struct_fields(struct: type[msgspec.Struct]) -> dict[str, str]:
    kind = inspect.type_info(struct)
    assert isinstance(kind, inspect.StructType)
    return {field.encode_name: written(field) for field in kind.fields}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_documented_with_its_default(section: str) -> None:
    expected = struct_fields(SECTIONS[section])
    if section.startswith("`type"):
        expected = {key: default for key, default in expected.items() if key not in SHARED}
    expected |= {key: words for (where, key), words in WORDS.items() if where == section}
    assert documented(section) == expected


def test_the_keys_of_every_source_are_documented() -> None:
    keys = documented(EVERY_SOURCE)
    assert set(keys) == {"type", *SHARED}
    assert {key: struct_fields(HostSource)[key] for key in ("on_start", "times")}.items() <= keys.items()


def test_every_table_of_the_config_has_a_section() -> None:
    assert set(re.findall(r"^## (.+)$", DOCS, re.MULTILINE)) == {*SECTIONS, EVERY_SOURCE}


def examples() -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]]
    blocks = [block for text in texts for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    return [block for block in blocks if not re.match(r"task = ", block)]  # a recipe is no config


@pytest.mark.parametrize("text", examples())
def test_every_example_of_a_config_is_right(text: str) -> None:
    host = "" if "edge.sources" in text else '[[edge.sources]]\ntype = "host"\n'
    tomllib.loads(text)
    parse(host + text if text.lstrip().startswith("[") else text + host, name="example", folder=ROOT)


def test_every_make_target_a_text_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", README + contributing + FLEET, re.MULTILINE))
    assert "demo" in named
    assert named <= targets


def test_every_command_the_readme_names_exists() -> None:
    from tocsin.command import cli  # noqa: PLC0415 -- the other texts are judged even if the command cannot load

    named = set(re.findall(r"(?:^|`|bin/)tocsin ([a-z]+)", README, re.MULTILINE))
    assert "demo" in named
    assert named <= set(cli.commands)


def typed(text: str) -> list[list[str]]:
    """The lines of a text's blocks that a person types, in words."""
    blocks = [body for kind, body in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE) if not kind]
    lines = [line.split(" # ")[0].strip() for block in blocks for line in block.splitlines()]
    parts = [part for line in lines for part in line.split(" && ")]
    return [shlex.split(part) for part in parts if re.match(r"(\S*/)?(tocsin|docker) ", part)]


@pytest.mark.parametrize("words", [words for words in typed(README + FLEET) if words[0] != "docker"], ids=" ".join)
def test_every_command_that_a_text_shows_can_be_typed(words: list[str]) -> None:
    can_be_typed(words[1:])


def can_be_typed(words: list[str]) -> None:
    from tocsin.command import cli  # noqa: PLC0415 -- the other texts are judged even if the command cannot load

    command: click.Command = cli
    while isinstance(command, click.Group):
        name, *words = words
        command = command.commands[name]
    command.make_context(command.name, words)


@pytest.mark.parametrize("words", [words for words in typed(README + FLEET) if words[0] == "docker"], ids=" ".join)
def test_every_container_that_a_text_names_is_there(words: list[str]) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    match words:
        case ["docker", "compose", "exec", service, "tocsin", *rest]:
            assert service in services
            can_be_typed(rest)
        case ["docker", "compose", "restart", *named]:
            assert set(named) <= set(services)
        case ["docker", "compose", "up" | "ps", *rest]:
            assert set(rest) <= {"--detach", "--build", "--remove-orphans"}
        case _:
            pytest.fail(f"nobody knows {words}")


def test_the_readme_says_the_command_and_what_is_seen_by_line_15() -> None:
    top = README.splitlines()[:15]
    assert "make demo" in top
    assert any("http://127.0.0.1:8765" in line for line in top)


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = done.stdout.split("\0") if done.returncode == 0 else []
    paths = [ROOT / name for name in names if name] or [*ROOT.glob("*/**/*.py"), *ROOT.glob("*.md")]
    return [
        path
        for path in paths
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".yml", ".txt", ".css", ".js", ""}
    ]


FORBIDDEN = re.compile("|".join(["/wo" + r"rk/", "/ro" + r"ot/", "TO" + r"DO\b", "FIX" + "ME"]))


def test_no_text_names_the_place_it_was_built_in_or_leaves_something_to_do() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if FORBIDDEN.search(line)
    ]
    assert found == []


def test_each_number_of_a_decision_is_given_once_and_its_page_begins_with_it() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    numbers = [int(page.name.split("-", 1)[0]) for page in pages]
    assert len(set(numbers)) == len(pages)
    for number, page in zip(numbers, pages, strict=True):
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. "), page.name


def test_every_decision_that_is_pointed_at_is_there() -> None:
    there = {page.name[:4] for page in (ROOT / "docs/decisions").glob("*.md")}
    texts = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    code = [
        path for room in ("bus", "edge", "models", "store", "stream", "tocsin") for path in (ROOT / room).rglob("*.py")
    ]
    pointed = {
        at for path in (*texts, *code) for at in re.findall(r"decisions/(\d{4})", path.read_text(encoding="utf-8"))
    }
    assert {"0010", "0013", "0015"} <= pointed <= there
