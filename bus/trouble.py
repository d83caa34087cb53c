"""What a client of the bus complains of while brokers are away: said once an outage, in our own log."""

import logging
import time
from collections.abc import Callable

from confluent_kafka import KafkaError

QUIET_S = 60.0  # the client repeats what lasts every 30 s at least: after twice that, it is a new outage

log = logging.getLogger(__name__)


class Trouble:
    """Taken by librdkafka as its `error_cb`, beside a `log_level` at which it says nothing itself."""

    def __init__(self, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._heard_s = -QUIET_S

    def __call__(self, error: KafkaError) -> None:
        """Say it, unless it belongs to an outage that was told of."""
        before, self._heard_s = self._heard_s, self._now_s()
        if self._heard_s - before >= QUIET_S:
            log.warning("the bus is in trouble: %s", error.str())
