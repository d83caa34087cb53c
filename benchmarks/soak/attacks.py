"""What is done to a fleet, one thing after another; each ends with everything working again."""

import signal
import time
from collections.abc import Callable, Iterator

from benchmarks.roles import Role
from benchmarks.soak.plant import Plant

Attack = Callable[[Plant], None]
STOPPED_S = 16.0  # beyond the session timeout: the group goes on without it


def attacks(*, rounds: int, away_s: float, edges: tuple[str, ...]) -> Iterator[tuple[str, Attack]]:
    """Every attack with its name; `away_s` is how long the broker and the store stay away, 0 leaves those out."""
    for number in range(rounds):
        for victim in (edges[number % len(edges)], "worker-1", "worker-2", "sink", "archive"):
            yield f"kill {victim}", _kill(victim)
    yield "a worker joins and leaves", _join_and_leave
    if not away_s:
        return
    yield "a worker stands still and goes on", _stand_still
    yield "the broker restarts", lambda plant: _broker_away(plant, 0.0)
    yield "the broker is gone", lambda plant: _broker_away(plant, away_s)
    yield "the store is gone", lambda plant: _store_away(plant, away_s)
    yield "the store answers 503", lambda plant: _store_refuses(plant, 503, away_s / 3)
    yield "the store answers 429", lambda plant: _store_refuses(plant, 429, away_s / 3)


def _kill(victim: str) -> Attack:
    return lambda plant: plant.keeper.kill(plant.role(victim))


def _join_and_leave(plant: Plant) -> None:
    third = Role("stream", plant.spare, "--instance", "worker-3", name="worker-3")
    plant.keeper.add(third)
    third.ready()
    time.sleep(5.0)
    plant.keeper.dismiss(third)


def _stand_still(plant: Plant) -> None:
    worker = plant.role("worker-1")
    worker.send(signal.SIGSTOP)
    time.sleep(STOPPED_S)
    worker.send(signal.SIGCONT)


def _broker_away(plant: Plant, away_s: float) -> None:
    plant.kafka.kill()
    time.sleep(away_s)
    plant.kafka.start()


def _store_away(plant: Plant, away_s: float) -> None:
    plant.influx.vanish()
    time.sleep(away_s)
    plant.influx.appear()


def _store_refuses(plant: Plant, status: int, for_s: float) -> None:
    plant.influx.faults.set(status, retry_after="2" if status == 429 else "")
    time.sleep(for_s)
    plant.influx.faults.clear()
