"""Runs, advice and labels for the tests of stores."""

import msgspec

from tests.store.plant import START_NS, origin
from wire.messages import Advice, Label, Measured, Run, Step

MINUTE_NS = 60_000_000_000


def run(name: str, change: int = 1, *, number: int = 0, **fields: object) -> Run:
    """A run that began `number` hours after the first, at one of its changes, a minute apart."""
    started_ns = START_NS + number * 60 * MINUTE_NS
    plain = Run(
        origin=origin(),
        edge="edge",
        run=name,
        change=change,
        unit=f"unit of {name}",
        procedure="end of line",
        version="1",
        station="press, left",
        state="running",
        started_ns=started_ns,
        changed_ns=started_ns + change * MINUTE_NS,
    )
    return msgspec.structs.replace(plain, **fields)


def over(name: str, state: str, change: int = 3, *, number: int = 0, **fields: object) -> Run:
    """A run that ended, with its wide row; a model called it."""
    row = {f"S{step:02d}/torque": 1.5 + step for step in range(40)}
    steps = tuple(Step(f"S{step:02d}", START_NS, 30.0, 1) for step in range(40))
    ended_ns = START_NS + number * 60 * MINUTE_NS + change * MINUTE_NS
    said = {"state": state, "row": row, "steps": steps, "ended_ns": ended_ns, "p_fail": 0.25, "model": "eol"} | fields
    return run(name, change, number=number, **said)


def advice(name: str, step: str, done: int, **fields: object) -> Advice:
    plain = Advice(
        origin(), "edge", name, step, 0.125 * done, stop=False, t_ns=START_NS + done * MINUTE_NS, done=done,
        procedure="end of line", station="press, left", because={"S01": 0.75, "S02": 0.25}, low=0.0625, high=0.9,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **fields)


def measured(name: str, step: str, what: str = "torque", value: float | str = 1.5, **fields: object) -> Measured:
    """A measurement as a bench says it."""
    plain = Measured(name, step, what, value, "N·m", 1.0, 2.0, station="press, left")
    return msgspec.structs.replace(plain, **fields)


def beside(name: str, step: str, done: int, **fields: object) -> Advice:
    """What version 2 thought of it, which is only tried."""
    said = {"role": "candidate", "withheld": "candidate", "model": "eol", "model_version": 2}
    return advice(name, step, done, **said | fields)


def label(id_: str, *, number: int = 0, **fields: object) -> Label:
    """A label made `number` minutes after the first."""
    at_ns = START_NS + number * MINUTE_NS
    plain = Label(id_, origin(), "edge", "anomaly", at_ns - MINUTE_NS, at_ns, "a fitter", at_ns, device="pump")
    return msgspec.structs.replace(plain, **fields)
