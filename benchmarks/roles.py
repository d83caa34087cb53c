"""Roles of a fleet as processes of their own, on loopback: started, looked at by their vitals, killed, waited for."""

import sys
import urllib.request
from pathlib import Path

from benchmarks.processes import Process, answers, free_port, until

READY_S = 60.0


class Role(Process):
    """`tocsin ROLE` with a config; `name` tells two of one role apart."""

    def __init__(self, role: str, config: Path, *options: str, name: str = "") -> None:
        """Remember what to run."""
        self.vitals = f"http://127.0.0.1:{(port := free_port())}"
        command = [sys.executable, "-m", "tocsin", role, "-c", str(config), "--vitals", f"127.0.0.1:{port}", *options]
        super().__init__(command, folder=config.parent, name=name or role)

    def ready(self) -> float:
        """Wait until it says that it is; the seconds that took."""

        def ready() -> bool:
            if not self.running():
                msg = f"it ended: {self.output.read_text()[-2000:]}"
                raise RuntimeError(msg)
            return answers(f"{self.vitals}/readyz")

        return until(ready, within_s=READY_S, what=f"{self.output.stem} to be ready", every_s=0.05)

    def figure(self, name: str) -> float:
        """One of its figures, 0 while it cannot be asked."""
        try:
            with urllib.request.urlopen(f"{self.vitals}/metrics", timeout=2) as answer:  # noqa: S310 -- loopback
                lines = answer.read().decode().splitlines()
        except OSError:
            return 0.0
        return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0.0)
