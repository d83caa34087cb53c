"""What is shipped: the wheel holds every room and nothing else, and its command runs where nothing else of ours is."""

import ast
import os
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("wire", "edge", "bus", "stream", "models", "store", "dashboards", "simulators", "tocsin")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
LONGEST = 300


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def run(*command: str, cwd: Path, path: Path | None = None) -> str:
    """The output of a command that must succeed; `path` is all of ours that it can import."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if path is not None:
        environ["PYTHONPATH"] = str(path)
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), ".", cwd=ROOT)
    (built,) = out.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_every_room_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = {entry for entry in archive.namelist() if ".dist-info/" not in entry}
    tracked = set(run("git", "ls-files", "--", *ROOMS, cwd=ROOT).split("\n")) - {""}
    assert {entry.split("/")[0] for entry in inside} == set(ROOMS)
    assert {entry for entry in tracked if (ROOT / entry).is_file()} - inside == set()
    assert not [entry for entry in inside if Path(entry).name.startswith("test") or entry.endswith(".pyc")]


@pytest.mark.slow
def test_the_installed_command_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")
    run(*pip, "--target", str(target), str(wheel), cwd=tmp_path)
    where = run(sys.executable, "-c", "import tocsin; print(tocsin.__file__)", cwd=tmp_path, path=target)
    assert Path(where.strip()).is_relative_to(target)
    assert "up" in run(sys.executable, "-m", "tocsin", "--help", cwd=tmp_path, path=target)
    assert "0.1" in run(sys.executable, "-m", "tocsin", "--version", cwd=tmp_path, path=target)
    assert (target / "bin" / "tocsin").is_file()


def test_no_dependency_takes_a_name_of_ours() -> None:
    owners = packages_distributions()
    taken = {room: set(owners.get(room, ())) - {"tocsin"} for room in ROOMS}
    assert {room: names for room, names in taken.items() if names} == {}


def test_every_folder_of_a_room_is_a_package() -> None:
    folders = {path.parent for path in MODULES}
    assert [name(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_is_in_it_and_stays_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    lines = source.count("\n")
    assert first.strip()
    assert lines <= LONGEST
