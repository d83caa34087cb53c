"""A read-only root and no capabilities, as docker gives them, for a process on this machine where root may do so."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

SCRIPT = """
while [ "$1" != -- ]; do mount --bind "$1" "$1"; shift; done
shift
mount -o remount,ro,bind /
exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""


@cache
def possible() -> bool:
    """Whether this machine lets us."""
    if os.getuid() or not (shutil.which("unshare") and shutil.which("setpriv")):
        return False
    tried = subprocess.run([*_prefix(()), "true"], capture_output=True, check=False, timeout=10)
    return tried.returncode == 0


def confined(writable: Iterable[Path]) -> list[str]:
    """What to put before a command so that it can write these folders and nothing else; nothing where we may not."""
    return _prefix(writable) if possible() else []


def _prefix(writable: Iterable[Path]) -> list[str]:
    return ["unshare", "--mount", "sh", "-ec", SCRIPT, "sh", *map(str, writable), "--"]
