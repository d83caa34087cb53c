"""What the images hold, as folders on this machine: the commands on their path, and the packages of one lock alone."""

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

from tests.tocsin.fleet.compose import ROOT

PYTHON = Path(sys.executable)


def dockerfile() -> str:
    """The text of the Dockerfile, an instruction a line."""
    return (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def locked(name: str) -> dict[str, str]:
    """Package -> version of a lock, of those that are for Linux."""
    found = re.findall(r"^([a-z0-9._-]+)==([^\s;]+)( ;.*win32.*)?", (ROOT / "locks" / name).read_text(), re.MULTILINE)
    return {package: version for package, version, elsewhere in found if not elsewhere}


def packages(folder: Path, lock: str) -> Path:
    """A folder with our rooms and the packages of a lock, and nothing that Python would find beside them."""
    folder.mkdir()
    for name in (*locked(lock), "tocsin"):
        there = distribution(name)
        tops = {file.parts[0] for file in there.files or () if file.parts[0] not in {"..", "__pycache__"}}
        for top in tops - {each for each in tops if each.endswith(".pth")}:
            if not (folder / top).exists():
                (folder / top).symlink_to(Path(str(there.locate_file(top))))
    for room in (path.parent for path in ROOT.glob("*/__init__.py")):
        (folder / room.name).symlink_to(room)
    return folder


def commands(folder: Path, site: Path | None = None) -> Path:
    """A folder with what an image has on its path; `site` is all that its Python finds, by default all of here."""
    folder.mkdir()
    only = "-S " if site else ""
    path = f"PYTHONPATH={site} " if site else ""
    scripts = {
        "python": f'#!/bin/sh\nexec {PYTHON} "$@"\n',
        "tocsin": f'#!/bin/sh\n{path}exec {PYTHON} {only}-m tocsin "$@"\n',
    }
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "hold").symlink_to(ROOT / "deploy/hold.sh")
    (folder / "ready").symlink_to(ROOT / "deploy/ready.py")
    return folder
