"""The one training that may be under way: begun in a process of its own, looked at, ended."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tocsin
from tocsin.keeping import job as jobs
from tocsin.keeping.job import Job, Result

log = logging.getLogger(__name__)

PREFIX = "job-"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PATIENCE_S = 5.0
TOLD = 400  # characters of what a process said last


class Process:
    """A job under way; its folder goes with it."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.job = job
        self._folder = folder
        jobs.write(folder, job)
        with (folder / jobs.LOG).open("wb") as out:
            self._child = subprocess.Popen(  # noqa: S603 -- nothing of it comes from outside
                [sys.executable, "-m", "tocsin.keeping.work", str(folder)],
                stdin=subprocess.PIPE,  # closes with this process, however that ends, and then the other one ends too
                stdout=out,
                stderr=out,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for the box, which ends it
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    def over(self) -> Result | None:
        """What came of it; None while it works."""
        code = self._child.poll()
        if code is None:
            return None
        self._let_go()
        found = jobs.result(self._folder)
        if found is None:
            found = Result(ok=False, says=f"it ended with {_code(code)} and no result{self._last_words()}")
        self.forget()
        return found

    def end(self) -> None:
        """Kill it, whatever it is at, and forget it."""
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait(PATIENCE_S)
        self._let_go()
        self.forget()

    def forget(self) -> None:
        """Remove its folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _let_go(self) -> None:
        assert self._child.stdin is not None
        self._child.stdin.close()

    def _last_words(self) -> str:
        try:
            said = (self._folder / jobs.LOG).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""
        return f": {said[-TOLD:]}" if said else ""


def folder_in(place: Path) -> Path:
    """A new folder for a job."""
    place.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))


def sweep(place: Path) -> None:
    """Remove what jobs left that were killed with their box."""
    for left in place.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


def _environment() -> dict[str, str]:
    """One core is enough; and this very code, wherever it lies."""
    home = str(Path(tocsin.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": path}


def _code(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"code {code}"
