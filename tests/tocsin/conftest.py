"""Boxes that the tests of the command share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tocsin.plant import QUIET, Up, record, up, write


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    record(folder)
    return folder


@pytest.fixture
def stopped(recorded: Path, tmp_path: Path) -> Path:
    """The config of a stopped box of one's own."""
    shutil.copytree(recorded, tmp_path / "plant")
    return write(tmp_path / "plant", QUIET)


@pytest.fixture(scope="session")
def running(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A running box that all tests share; they may ask, and answer alarms."""
    folder = tmp_path_factory.mktemp("running") / "plant"
    shutil.copytree(recorded, folder)
    with up(write(folder, QUIET)) as box:
        box.ready()
        yield box
