"""The ports that test benches meet at over HTTP."""

import msgspec

from wire.ports import Intake, Waiting


class Bench(msgspec.Struct, frozen=True):
    """Where what benches send goes, and where they wait for advice."""

    intake: Intake
    waiting: Waiting
