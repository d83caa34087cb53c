"""The Dockerfile against the checkout: what is copied, from where packages come, and what the edge's image holds."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.tocsin.fleet.compose import ROOT, read
from tests.tocsin.fleet.images import dockerfile, locked, packages
from tests.tocsin.fleet.test_compose import ENVIRON
from tocsin.starting.fleet_starter import COMPOSE, EDGE, FLEET, write_fleet

OURS = [service for service in read(ENVIRON).services.values() if service.build]


def stages() -> dict[str, str]:
    """The stages of the Dockerfile by their names."""
    parts = re.split(r"^FROM ", dockerfile(), flags=re.MULTILINE)[1:]
    return {part.split("\n", 1)[0].split(" AS ")[1].strip(): part for part in parts}


def copied() -> list[str]:
    """What is copied from the checkout."""
    lines = re.findall(r"^COPY (.+)$", dockerfile(), re.MULTILINE)
    return [word for line in lines if "--from" not in line for word in line.split()[:-1] if not word.startswith("--")]


def test_what_the_dockerfile_copies_is_there_and_is_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied()) == sent
    assert [name for name in copied() if not (ROOT / name).exists()] == []
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert set(wheel["packages"]) == {name for name in copied() if (ROOT / name).is_dir()}


def test_packages_are_installed_from_locks_with_hashes_and_nothing_is_compiled() -> None:
    installs = re.findall(r"pip install (.+)$", dockerfile(), re.MULTILINE)
    locks = [words.rpartition("-r ")[2] for words in installs if "-r " in words]
    assert set(locks) == {"locks/run.txt", "locks/edge-fleet.txt"}
    for words in installs:
        assert "--require-hashes" in words or words == "--no-deps --no-build-isolation ."
    assert "PIP_ONLY_BINARY=:all:" in stages()["build"]
    assert "apt-get" not in dockerfile()


def test_the_images_run_as_somebody_on_a_pinned_python() -> None:
    python = re.search(r"^ARG PYTHON=python:(\d+\.\d+)\.\d+-slim-\w+$", dockerfile(), re.MULTILINE)
    assert python
    assert python[1] == "3.11"  # as the locks are compiled, and as the tests run
    uid, gid = re.findall(r"--[ug]id (\d+)", dockerfile())
    assert f"USER {uid}:{gid}" in stages()["base"]
    for service in OURS:
        assert service.build
        assert stages()[service.build.target].startswith("base AS ")
        assert service.user == f"{uid}:{gid}"


def test_the_edge_has_the_versions_of_the_fleet() -> None:
    assert locked("edge-fleet.txt").items() <= locked("run.txt").items()


EDGE_ALONE = """
from importlib import import_module
from importlib.util import find_spec
import tocsin.roles.edge
from edge.sources.table import MODULES
for module in MODULES.values():
    import_module(module)
print(*[name for name in ("numpy", "duckdb", "faust", "pyarrow", "pandas", "nicegui", "fastapi") if find_spec(name)])
"""


def test_the_edge_image_holds_all_that_an_edge_imports_and_no_science(tmp_path: Path) -> None:
    (tmp_path / COMPOSE).touch()
    write_fleet(tmp_path / FLEET)
    site = packages(tmp_path / "site", "edge-fleet.txt")
    environ = {**read(ENVIRON).services["edge"].environment, "PYTHONPATH": str(site)}

    def run(*arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "-S", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    assert run("-c", EDGE_ALONE) == (0, "\n", "")
    assert run("-m", "tocsin", "check", "-c", EDGE) == (0, f"{EDGE}: all is well\n", "")
    code, _, said = run("-m", "tocsin", "doctor", "-c", EDGE)
    assert (code, said.startswith("tocsin: this needs the package duckdb, which is not installed here")) == (2, True)
