"""Which code trained a model: our version and those of the libraries that numbers depend on."""

import platform
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType

LIBRARIES = ("tocsin", "numpy", "scipy", "scikit-learn", "lightgbm", "skops")
_CHECKOUT = Path(__file__).parent.parent.parent
_PATIENCE_S = 5.0


@cache
def versions() -> Mapping[str, str]:
    """By name; a library that is absent is not among them."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    commit = _commit()
    return MappingProxyType(found | ({"commit": commit} if commit else {}))


def _commit() -> str:
    """What git calls this checkout, or nothing where there is none."""
    if not (_CHECKOUT / ".git").exists():
        return ""
    command = ["git", "-C", str(_CHECKOUT), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_PATIENCE_S)  # noqa: S603 -- nothing of it comes from outside
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
