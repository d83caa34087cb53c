"""What Prometheus may scrape, read from the hub's latest snapshot; asks the store nothing."""

from collections import Counter
from collections.abc import Iterator, Sequence

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.responses import Response

from dashboards.console.hub import Hub
from dashboards.console.snapshot import Snapshot
from store.port import Accounts
from wire.messages import Priority

_COUNTS = (
    ("tocsin_rows_accepted", "Rows in accepted batches", "rows"),
    ("tocsin_rows_stored", "Rows stored", "stored"),
    ("tocsin_readings_stored", "Values accepted into the store", "values"),
    ("tocsin_rows_scored", "Rows scored", "scored"),
    ("tocsin_rows_late", "Rows of a backlog replayed after an outage", "late"),
    ("tocsin_batches", "Batches accepted", "batches"),
    ("tocsin_duplicates", "Batches dropped as already seen", "duplicates"),
    ("tocsin_redelivered_rows", "Rows delivered again after their commit", "redelivered"),
    ("tocsin_dead_inputs", "Inputs behind the dead letters", "dead"),
    ("tocsin_gaps", "Known losses", "gaps"),
    ("tocsin_gap_rows", "Rows known to be lost", "gap_rows"),
)


class PlantCollector(Collector):
    """Turns the latest snapshot into metric families."""

    def __init__(self, hub: Hub) -> None:
        """Remember whose snapshot."""
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """All families, labelled by edge where they differ by edge."""
        look = self._hub.snapshot
        for name, text, field in _COUNTS:
            yield _by_edge(name, text, field, look.accounts)
        yield _alarms(look)
        yield _health(look)
        status = look.status
        for name, text, value in (
            ("tocsin_rows_per_second", "Rows stored a second, lately", look.rows_per_s),
            ("tocsin_log_room_hours", "Hours until the input log is full at the present rate", status.log_room_h),
            ("tocsin_lag_seconds", "Age of the oldest input not yet stored", status.lag_s),
            ("tocsin_backlog_inputs", "Inputs not yet stored", status.backlog),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, text, value=value)
        yield GaugeMetricFamily("tocsin_store_readable", "1 when the last look succeeded", value=not look.error)


def _by_edge(name: str, text: str, field: str, accounts: Sequence[Accounts]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["edge"])
    for account in accounts:
        family.add_metric([account.edge], getattr(account, field))
    return family


def _alarms(look: Snapshot) -> Metric:
    family = GaugeMetricFamily("tocsin_active_alarms", "Alarms that are not over", labels=["priority"])
    count = Counter(alarm.priority for alarm in look.alarms)
    for priority in Priority:
        family.add_metric([priority], count[priority])
    return family


def _health(look: Snapshot) -> Metric:
    family = GaugeMetricFamily("tocsin_devices", "Devices by health", labels=["health"])
    for health, count in Counter(str(device.health or "unknown") for device in look.devices).items():
        family.add_metric([health], count)
    return family


def router(hub: Hub) -> APIRouter:
    """The route to the metrics."""
    routes, registry = APIRouter(tags=["health"]), CollectorRegistry()
    registry.register(PlantCollector(hub))

    @routes.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Metrics in the Prometheus text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes
