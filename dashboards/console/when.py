"""The moment that a request names."""

from dashboards.console.moments import parse_ns
from dashboards.console.problem import Problem


def moment(text: str, name: str, default: int) -> int:
    """A moment of the query. Raises Problem that shows how one is written."""
    try:
        return parse_ns(text) if text else default
    except ValueError as error:
        remedy = "Write it as 2026-01-31T08:00:00Z or as nanoseconds since 1970."
        raise Problem(422, f"{name} is no time: {text!r}.", remedy=remedy) from error
