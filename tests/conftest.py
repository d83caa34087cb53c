"""Settings of the whole test run."""

import os

from hypothesis import settings

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

# Tests share the cores already, and threads of one that wait for each other take all of them. Before numpy is loaded.
for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
