"""Layers point one way: which room may import which, and what an edge must never load."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "wire": {""},
    "edge": {"wire"},
    "bus": {"wire"},
    "simulators": {"wire"},
    "store": {"wire"},
    "models": {"wire", "store.port"},
    "stream": {"wire", "models", "store.port"},
    "dashboards": {"wire", "store.port", "store.influx.table", "models.registry", "models.catalogue", "models.runs"},
    "tocsin": {"wire", "edge", "bus", "simulators", "store", "models", "stream", "dashboards"},
}
ROOMS = frozenset(ALLOWED)
HEAVY = {"numpy", "sklearn", "scipy", "pandas", "pyarrow", "duckdb", "faust", "nicegui", "fastapi", "stream", "store"}
EDGE = sorted(path for path in (ROOT / "edge").rglob("*.py") if path.name != "__main__.py")


def imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Every module a source names in an import, wherever it stands, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def forbidden(source: str, package: str) -> list[str]:
    """The arrows of a source that the design does not draw."""
    room = package.split(".", maxsplit=1)[0]
    fine = {room, *ALLOWED[room]}
    return [
        f"line {line}: {room} imports {module}"
        for line, module in imports(source, package)
        if module.split(".")[0] in ROOMS and not any(f"{module}.".startswith(f"{allowed}.") for allowed in fine)
    ]


def modules() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    package = ".".join(path.parent.relative_to(ROOT).parts)
    assert forbidden(path.read_text(encoding="utf-8"), package) == []


@pytest.mark.parametrize(
    ("source", "package", "found"),
    [
        ("import stream.core", "edge", 1),
        ("def f():\n    from store.duck import Store", "stream", 1),
        ("from store import duck", "stream", 1),
        ("from store import port", "stream", 0),
        ("from store.port import Reader", "stream", 0),
        ("from .. import sources\nfrom . import csv", "edge.sources", 0),
        ("import wire.messages as m", "store", 0),
        ("from edge.log import LocalLog", "wire", 1),
        ("import portable\nimport storehouse", "wire", 0),
    ],
)
def test_the_reader_of_imports_finds_wrong_arrows(source: str, package: str, found: int) -> None:
    assert len(forbidden(source, package)) == found


def loaded_by(*names: str) -> set[str]:
    """The top-level modules that a fresh interpreter holds after importing some."""
    program = f"import sys, {', '.join(names)}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_wire_loads_nothing_of_ours_and_nothing_heavy() -> None:
    names = [f"wire.{path.stem}" for path in (ROOT / "wire").glob("[a-z]*.py")]
    assert loaded_by(*names) & (HEAVY | ROOMS | {"serial", "paho"}) == {"wire"}


def test_the_whole_edge_loads_nothing_heavy() -> None:
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in EDGE]
    assert loaded_by(*names) & (HEAVY | ROOMS) == {"edge", "wire"}


def test_an_edge_loads_no_driver_that_it_was_not_configured_for() -> None:
    assert loaded_by("edge", "edge.sources.table") & {"serial", "paho", "psutil"} == set()


def test_the_command_answers_without_loading_a_room() -> None:
    assert loaded_by("tocsin.command") & (HEAVY | ROOMS) <= {"tocsin", "wire"}


@pytest.mark.parametrize("program", ["box", "stream", "serve"])
def test_what_only_scores_and_shows_loads_nothing_of_what_trains(program: str) -> None:
    trains = {"pandas", "scipy", "sklearn", "lightgbm", "optuna", "matplotlib", "mlflow"}
    assert loaded_by(f"tocsin.roles.{program}") & trains == set()
