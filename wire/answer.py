"""What a bench is told after a step, in one JSON object, whichever way it asked."""

from collections.abc import Mapping
from math import isfinite

import msgspec

from wire.outcomes import Advice

_SILENT = frozenset({"shadow", "control", "off"})
_encoder = msgspec.json.Encoder()


class Answer(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag="advice"):
    """Stop or go on; what is thought of the run is left out where advice is withheld."""

    run: str
    step: str
    stop: bool
    withheld: str = ""
    p_fail: float | None = None
    low: float | None = None
    high: float | None = None
    because: Mapping[str, float] = {}
    saved_s: float | None = None
    needed: int = 0
    model: str = ""
    model_version: int = 0

    @property
    def body(self) -> bytes:
        """As one line of JSON."""
        return _encoder.encode(self)


def is_silent(advice: Advice) -> bool:
    """Whether a bench must not learn what is thought of the run: whoever knew the chance would not test as ever."""
    return advice.withheld in _SILENT or advice.mode in _SILENT


def answer(advice: Advice) -> Answer:
    """What is told of an advice.

    >>> from wire.messages import Origin
    >>> said = Advice(Origin("e", "0", 1), "e", "r1", "S07", 0.93, stop=True, t_ns=0, because={"S05": 0.8})
    >>> answer(said).body.decode()
    '{"event":"advice","run":"r1","step":"S07","stop":true,"p_fail":0.93,"because":{"S05":0.8}}'
    """
    if is_silent(advice):
        why = advice.withheld or advice.mode
        return Answer(advice.run, advice.step, advice.stop, why, needed=advice.needed)
    return Answer(
        run=advice.run,
        step=advice.step,
        stop=advice.stop,
        withheld=advice.withheld,
        p_fail=advice.p_fail if isfinite(advice.p_fail) else None,
        low=advice.low,
        high=advice.high,
        because=advice.because,
        saved_s=advice.saved_s,
        needed=advice.needed,
        model=advice.model,
        model_version=advice.model_version,
    )
