"""Every stored training told to MLflow, where it is installed: a failure there is a warning, never more.

It goes where MLflow itself would look: `MLFLOW_TRACKING_URI`, else `mlflow.db` in the working directory, which is what
`mlflow ui` shows. `TOCSIN_MLFLOW=off` leaves it out.
"""

import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from models.fitting.mlflow_runs import UNSET, Told, logged, quietly
from models.registry.folder import MANIFEST, PAYLOAD, Entry, Registry
from models.registry.manifest import encoded

SWITCH = "TOCSIN_MLFLOW"
OFF = frozenset({"off", "0", "no", "false"})
PATIENCE_S = 180.0
_CODE = Path(__file__).parent.parent.parent
_log = logging.getLogger(__name__)


class Tracker(Protocol):
    """Where trainings are compared."""

    def log(self, entry: Entry, registry: Registry) -> str:
        """Tell of a stored training; the id of what it became there, empty where nothing did."""


class Untracked:
    """Tells nobody."""

    def log(self, entry: Entry, registry: Registry) -> str:  # noqa: ARG002 -- see Tracker
        """Nothing."""
        return ""


class Mlflow:
    """Tells MLflow in this process, as a notebook that uses it itself expects."""

    def log(self, entry: Entry, registry: Registry) -> str:
        """The id of its run."""
        try:
            with quietly():
                return logged(entry.manifest, _files(entry, registry))
        except Exception as error:  # noqa: BLE001 -- a server, a database, a disk: whatever it is, the model is stored
            return _untold(entry, error)


class Beside:
    """Tells MLflow in a process of its own, which loads while a model is trained: it takes 4 s to."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    def log(self, entry: Entry, registry: Registry) -> str:
        """The id of its run."""
        if self._child.returncode is not None:
            return Mlflow().log(entry, registry)
        try:
            told = msgspec.msgpack.encode(Told(entry.manifest, _files(entry, registry)))
            said, complaint = self._child.communicate(told, timeout=PATIENCE_S)
            if self._child.returncode:
                return _untold(entry, (complaint.decode(errors="replace").strip().splitlines() or ["no reason"])[-1])
            answer = msgspec.json.decode(said, type=dict[str, str])
            return answer["run"] if "run" in answer else _untold(entry, answer["error"])
        except Exception as error:  # noqa: BLE001 -- as above
            return _untold(entry, error)


def tracker(environ: Mapping[str, str] = os.environ) -> Tracker:
    """MLflow where it is installed and not switched off."""
    wanted = environ.get(SWITCH, "").strip().lower() not in OFF
    return Mlflow() if wanted and importlib.util.find_spec("mlflow") is not None else Untracked()


@contextmanager
def tracking(environ: Mapping[str, str] = os.environ) -> Iterator[Tracker]:
    """The same for a training that begins now: loads while it goes on, unless this process has MLflow already."""
    found = tracker(environ)
    if isinstance(found, Untracked) or "mlflow" in sys.modules:
        yield found
        return
    path = os.pathsep.join(filter(None, (str(_CODE), environ.get("PYTHONPATH", ""))))
    command = [
        sys.executable,
        "-P",
        "-m",
        "models.fitting.mlflow_runs",
    ]  # not what is called `models` where a person works
    with subprocess.Popen(  # noqa: S603 -- nothing of it comes from outside
        command,
        env={**UNSET, **environ, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        try:
            yield Beside(child)
        finally:
            child.kill()  # where nothing was told; it has touched nothing until then


def _untold(entry: Entry, why: object) -> str:
    _log.warning("%s %s is stored, but MLflow was not told: %s", entry.name, entry.version, why)
    return ""


def _files(entry: Entry, registry: Registry) -> dict[str, bytes]:
    own = {name: registry.file(entry, name) for name in entry.manifest.files}
    return own | {PAYLOAD: registry.payload(entry), MANIFEST: encoded(entry.manifest)}
