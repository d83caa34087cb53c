"""`hold`, which the workers of docker-compose.yml run under: when it waits, when it does not, and what it passes on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stream.fleet.worker import STUCK, UNASSIGNED, UNFORESEEN
from tests.servers.ports import until
from tests.tocsin.fleet.compose import ROOT

HOLD = ["sh", str(ROOT / "deploy/hold.sh")]
LONG_S = "600"
ENDS_LATE = """
import os, signal, sys, time
def end(*_):
    os.write(1, b"ends\\n")  # not print: the one before may not have returned yet
    sys.exit(CODE)
signal.signal(signal.SIGTERM, end)
print("runs", flush=True)
time.sleep(600)
"""


@contextmanager
def held(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A command under `hold`, with whatever it started killed in the end."""
    with subprocess.Popen([*HOLD, *command], stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def waits(process: subprocess.Popen[str]) -> bool:
    """Whether it has come to its sleep."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [Path(f"/proc/{child}/comm").read_text().strip() for child in children] == ["sleep"]


@pytest.mark.parametrize("code", [0, 1, 2, 69, 73])
def test_any_other_end_is_passed_on_at_once(code: int) -> None:
    with held(LONG_S, "sh", "-c", f"exit {code}") as process:
        assert process.wait(60) == code


@pytest.mark.parametrize("code", [UNFORESEEN, STUCK, UNASSIGNED])
def test_a_worker_that_ended_itself_is_held_and_its_code_kept(code: int) -> None:
    with held("0", "sh", "-c", f"exit {code}") as process:
        assert process.wait(60) == code
    with held(LONG_S, "sh", "-c", f"exit {code}") as process:
        until(lambda: waits(process), what="the wait")
        process.terminate()
        assert process.wait(60) == code


@pytest.mark.parametrize("code", [0, 3, UNFORESEEN])
def test_a_stop_is_passed_on_and_waited_for_and_never_held(code: int) -> None:
    with held(LONG_S, sys.executable, "-c", ENDS_LATE.replace("CODE", str(code))) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "runs\n"
        process.terminate()
        assert process.stdout.readline() == "ends\n"
        assert process.wait(60) == code


def test_words_with_spaces_stay_whole() -> None:
    with held("0", sys.executable, "-c", "import sys; print(sys.argv[1:])", "two words", "") as process:
        assert process.stdout is not None
        assert process.stdout.read() == "['two words', '']\n"
