"""Free ports on loopback, and waiting for a condition with a deadline."""

import socket
import time
from collections.abc import Callable

PATIENCE = 3  # waiting costs nothing where the condition comes


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether someone answers on a loopback port."""
    with socket.socket() as there:
        return there.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool], *, what: str, within_s: float = 30.0) -> None:
    """Wait for a condition with a deadline: so long on an idle machine, and longer on one that does other work."""
    within_s *= PATIENCE
    deadline = time.monotonic() + within_s
    begun = time.monotonic()
    while not condition():
        over = time.monotonic()
        assert over < deadline, f"waited {within_s:g} s in vain: {what}"
        time.sleep(max(0.02, over - begun))  # a costly look takes the cores from what is waited for
        begun = time.monotonic()
