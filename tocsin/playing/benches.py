"""`tocsin simulate bench`: test benches from words on a command line, and who was right about their units."""

import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import cast
from urllib.parse import quote, urlsplit

import click

from simulators.bench import runs
from simulators.bench_lines import MqttBenches, SerialBench, TextBenches
from simulators.disorder import Disorder
from simulators.hall import BenchLine, Hall, Tally, report
from simulators.speech import Body
from simulators.trial import Trial
from tocsin.ending import ended
from tocsin.playing.machine import SimulateError, login, simulated, unread
from tocsin.reaching.client import BoxError, Client

_RETEST = 0.5  # of failed runs, where disorder is asked for at all


class HttpBenches:
    """Benches that post to a box or an edge, and read the advice in the answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._heard: deque[Body] = deque(maxlen=1000)

    def say(self, station: str, body: Body) -> None:
        """Post one message; raises BoxError where it is not taken."""
        run = quote(str(body["run"]), safe="")
        said = {**body, "station": station, "time": str(body["time"])}
        if body["event"] == "run-started":
            self._client.post("runs", said)
        elif body["event"] == "run-ended":
            self._client.post(f"runs/{run}/end", said)
        else:
            told = self._client.post(f"runs/{run}/steps/{quote(str(body['step']), safe='')}", said)
            if isinstance(told, Mapping) and told.get("advice"):
                self._heard.append(cast("Body", told))

    def heard(self) -> list[Body]:
        """The advice that came since the last time."""
        return [self._heard.popleft() for _ in range(len(self._heard))]


def bench(
    *,
    target: str,
    seed: int,
    stations: int,
    count: int | None,
    for_s: float | None,
    speed: float,
    obey: bool,
    disorder: float,
    changes_at: int | None,
    supplier_at: int | None,
    as_json: bool,
) -> Mapping[str, float]:
    """Play runs until so many are begun, the time is over or a signal comes; what came of them."""
    if speed < 0 or stations < 1 or not 0 <= disorder <= 1:
        msg = "--speed is 0 or more, --stations 1 or more, --disorder from 0 to 1"
        raise SimulateError(msg)
    trials = runs(
        seed,
        stations=stations,
        disorder=disorder_of(disorder, target),
        changes_at=changes_at,
        supplier_at=supplier_at,
    )
    out = sys.stderr if target == "stdout" or as_json else sys.stdout
    until_s = None if for_s is None else time.monotonic() + for_s
    tally = Tally()
    try:
        with ended() as end, _line(target, stations) as line:

            def wait(seconds: float) -> bool:
                return end.wait(seconds) or (until_s is not None and time.monotonic() >= until_s)

            if isinstance(line, SerialBench):
                line.await_reader(wait)
            hall = Hall(
                line,
                speed=speed,
                obey=obey,
                clock_ns=time.time_ns,
                wait=wait,
                hear=lambda said, trial: click.echo(_stop(said, trial), file=out),
                tally=tally,
            )
            hall.play(islice(trials, count))
    except BrokenPipeError:
        unread()
    except (OSError, ValueError, BoxError) as error:
        msg = f"cannot speak to {target}: {error}"
        raise SimulateError(msg) from error
    if not as_json:
        click.echo(_summary(tally, obey=obey), file=out)
    return report(tally)


def disorder_of(rate: float, target: str) -> Disorder:
    """Every irregularity at one rate; over HTTP a step comes whole, so that nothing comes out of order."""
    orderly = urlsplit(target).scheme == "http"
    return Disorder(
        broken_off=rate,
        retest=_RETEST if rate else 0.0,
        out_of_order=0.0 if orderly else rate,
        overlapping=rate,
        missing=rate,
        extra=rate,
        startless=rate,
    )


def _line(target: str, stations: int) -> AbstractContextManager[BenchLine]:
    to, _, where = target.partition(":")
    url = urlsplit(target)
    if to == "stdout":
        return TextBenches(sys.stdout)
    if to == "serial" and where:
        if stations > 1:
            msg = "a serial line has one bench at its end: --stations 1"
            raise SimulateError(msg)
        return SerialBench(simulated(Path(where)))
    if to == "mqtt" and url.hostname:
        return MqttBenches(target, login=login())
    if to == "http" and url.netloc:
        return nullcontext(HttpBenches(Client.of(url.netloc)))
    msg = f'--to must be "stdout", "serial:PATH", "mqtt://HOST:PORT" or "http://HOST:PORT", got {target!r}'
    raise SimulateError(msg)


def _stop(said: Body, trial: Trial) -> str:
    p_fail, because = said.get("p_fail"), said.get("because")
    chance = f", P(fail) {p_fail:.0%}" if isinstance(p_fail, float) else ""
    speaks = [f"{step} {share:.0%}" for step, share in islice(because.items(), 3)] if isinstance(because, dict) else []
    why = f", because of {', '.join(speaks)}" if speaks else ""
    return f"{trial.station}: stop run {trial.run} after {said.get('step')}{chance}{why}"


def _summary(tally: Tally, *, obey: bool) -> str:
    stopped = tally.rightly + tally.wrongly
    share = f", {tally.saved_s / tally.oracle_s:.0%} of what is to be saved" if tally.oracle_s else ""
    return (
        f"{tally.runs} runs, {tally.said} messages, {tally.answers} answers; "
        f"{stopped} {'stopped' if obey else 'would be stopped'}: {tally.rightly} rightly, {tally.wrongly} wrongly; "
        f"{tally.missed} failed without a stop; "
        f"{tally.saved_s / 60:.0f} of {tally.bench_s / 60:.0f} bench minutes saved{share}"
    )
