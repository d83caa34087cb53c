"""Where an edge of a fleet takes runs over HTTP; loads the web kit only when it starts."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from dashboards.console.bench import Bench
from dashboards.console.served import Served
from wire.ports import Intake, Waiting

if TYPE_CHECKING:
    import uvicorn


class BenchDoor(Served):
    """Takes runs at an address, and answers each step with its advice. Raises ConsoleError as the console does."""

    def __init__(self, intake: Intake, waiting: Waiting, *, listen: str, token: str | None = None) -> None:
        """Check the arguments; nothing is opened."""
        bench = Bench(intake, waiting)

        def make(ready: Callable[[], None]) -> "uvicorn.Server":
            from dashboards.console.bench_app import bench_app  # noqa: PLC0415 -- takes seconds; sensors first
            from dashboards.console.quiet import quiet  # noqa: PLC0415
            from dashboards.console.session import Gatekeeper  # noqa: PLC0415

            return quiet(bench_app(bench), Gatekeeper(token) if token else None, leave=lambda: None, ready=ready)

        super().__init__(make, listen=listen, token=token, setting="edge.listen")
