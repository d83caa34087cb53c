"""Keeps roles running as a supervisor does: what ends, by whose hand ever, is started again."""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from benchmarks.processes import until
from benchmarks.roles import Role

LOOK_S = 0.1
RECOVERED_S = 120.0
PROGRESS: Mapping[str, str] = {  # what grows once a role works again
    "edge": "tocsin_edge_records_sent",
    "stream": "tocsin_stream_inputs",
    "sink": "tocsin_sink_lines",
    "archive": "tocsin_archive_records",
}


class Keeper:
    """Starts roles again; counts the exits that nobody ordered, by role and code."""

    def __init__(self, roles: list[Role]) -> None:
        """`roles` are not started yet."""
        self.roles = roles
        self.exits: Counter[str] = Counter()
        self.recoveries_s: list[float] = []
        self._killed: set[Role] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def __enter__(self) -> Self:
        """Start all."""
        for role in self.roles:
            role.start()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop all."""
        self.rest()

    def rest(self) -> None:
        """Stop all, at once."""
        self._stop.set()
        self._thread.join()
        living = [role for role in self.roles if role.running()]
        with ThreadPoolExecutor(max(len(living), 1)) as pool:
            list(pool.map(Role.stop, living))

    def kill(self, role: Role) -> None:
        """Kill a role and wait until its successor works; how long that took is kept."""
        with self._lock:
            self._killed.add(role)
            role.kill()
        began = time.monotonic()
        progress = PROGRESS[role.command[3]]
        until(lambda: role.running() and role.figure(progress) > 0, within_s=RECOVERED_S, what=f"{role.output.stem}")
        self.recoveries_s.append(time.monotonic() - began)

    def add(self, role: Role) -> None:
        """Start one more."""
        role.start()
        with self._lock:
            self.roles.append(role)

    def dismiss(self, role: Role) -> None:
        """Let one leave in peace."""
        with self._lock:
            self.roles.remove(role)
        role.stop()

    def _keep(self) -> None:
        while not self._stop.wait(LOOK_S):
            with self._lock:
                for role in self.roles:
                    if role.running():
                        continue
                    if role not in self._killed:
                        self.exits[f"{role.output.stem} {role.code}"] += 1
                        print(f"{role.output.stem} ended with {role.code}: {_last_words(role)}", flush=True)
                    self._killed.discard(role)
                    role.start()


def _last_words(role: Role) -> str:
    return role.output.read_text(errors="replace").strip().rpartition("\n")[2]
