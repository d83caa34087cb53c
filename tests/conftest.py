"""Settings of the whole test run."""

from hypothesis import settings

# How long an example takes says more about the machine's other work than about the code.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
