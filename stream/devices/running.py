"""What `running_when` may say: comparisons joined by and, or, not and parentheses; parsed, never run as code."""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from models.contract import F64, Bools

MAX_TEXT = 2000
_TOKEN = re.compile(
    r"\s*(?:(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<sign><=|>=|==|!=|<|>)"
    r"|(?P<paren>[()])"
    r"|\"(?P<quoted>[^\"]*)\""
    r"|(?P<name>[^\W\d][\w.:/\-]*))"
)
_COMPARE: Mapping[str, Callable[[F64, F64], Bools]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}


class RunningError(ValueError):
    """A `running_when` that cannot be read, with the position (from 1) of the first trouble."""

    def __init__(self, reason: str, text: str, at: int) -> None:
        """Say what is wrong and point at it."""
        super().__init__(f"{reason} at character {at + 1} of {text!r}")
        self.reason = reason
        self.at = at


class _Operand(msgspec.Struct, frozen=True):
    channel: str = ""
    number: float = 0.0

    def of(self, columns: Mapping[str, F64], rows: int) -> F64:
        return columns[self.channel] if self.channel else np.full(rows, self.number)


class _Comparison(msgspec.Struct, frozen=True):
    left: _Operand
    sign: str
    right: _Operand


class _Not(msgspec.Struct, frozen=True):
    inner: "_Node"


class _Join(msgspec.Struct, frozen=True):
    every: bool  # and; else or
    parts: tuple["_Node", ...]


_Node = _Comparison | _Not | _Join


class Running(msgspec.Struct, frozen=True):
    """A parsed condition; `channels` are the ones it asks for.

    >>> parse("current > 0.5 and not (speed < 10)").channels
    ('current', 'speed')
    """

    text: str
    channels: tuple[str, ...]
    node: _Node

    def judge(self, columns: Mapping[str, F64], before: bool) -> Bools:  # noqa: FBT001 - the state before the first row
        """Tell for each row whether the machine runs; while a channel is missing, what held before goes on."""
        rows = next(iter(columns.values())).size if columns else 0
        known = ~np.isnan(np.stack([columns[name] for name in self.channels])).any(axis=0)
        said = _judge(self.node, columns, rows)
        last = np.maximum.accumulate(np.where(known, np.arange(rows), -1))
        return np.where(last >= 0, said[last], before)


def parse(text: str) -> Running:
    """Read a condition; raises RunningError with the place of the first trouble."""
    if len(text) > MAX_TEXT:
        msg = f"longer than {MAX_TEXT} characters"
        raise RunningError(msg, text[:40], MAX_TEXT)
    reader = _Reader(text)
    node = reader.any_of()
    if reader.kind:
        msg = f'expected "and", "or" or the end, got {reader.token!r}'
        raise RunningError(msg, text, reader.start)
    if not reader.channels:
        msg = "no channel is compared"
        raise RunningError(msg, text, 0)
    return Running(text=text, channels=tuple(reader.channels), node=node)


def _judge(node: _Node, columns: Mapping[str, F64], rows: int) -> Bools:
    if isinstance(node, _Comparison):
        return _COMPARE[node.sign](node.left.of(columns, rows), node.right.of(columns, rows))
    if isinstance(node, _Not):
        return ~_judge(node.inner, columns, rows)
    parts: Sequence[Bools] = [_judge(part, columns, rows) for part in node.parts]
    joined: Bools = np.logical_and.reduce(parts) if node.every else np.logical_or.reduce(parts)
    return joined


class _Reader:
    """Reads one token ahead; each method reads one level of the grammar."""

    MAX_DEPTH = 50

    def __init__(self, text: str) -> None:
        self.text = text
        self.channels: dict[str, None] = {}
        self.depth = 0
        self.end = 0
        self.next()

    def next(self) -> None:
        rest = self.text[self.end :]
        self.start = self.end + len(rest) - len(rest.lstrip())
        if not rest.strip():
            self.kind, self.token = "", ""
            return
        match = _TOKEN.match(self.text, self.end)
        if match is None:
            msg = f"cannot read {self.text[self.start]!r}"
            raise RunningError(msg, self.text, self.start)
        self.end = match.end()
        self.kind = match.lastgroup or ""
        self.token = match[self.kind]
        if self.kind == "paren" or (self.kind == "name" and self.token in {"and", "or", "not"}):
            self.kind = self.token

    def any_of(self) -> _Node:
        return self._joined("or", self.all_of)

    def all_of(self) -> _Node:
        return self._joined("and", self.one)

    def _joined(self, word: str, part: Callable[[], _Node]) -> _Node:
        parts = [part()]
        while self.kind == word:
            self.next()
            parts.append(part())
        return parts[0] if len(parts) == 1 else _Join(word == "and", tuple(parts))

    def one(self) -> _Node:
        self.depth += 1
        if self.depth > self.MAX_DEPTH:
            msg = "nested too deeply"
            raise RunningError(msg, self.text, self.start)
        try:
            if self.kind == "not":
                self.next()
                return _Not(self.one())
            return self._bracketed() if self.kind == "(" else self._comparison()
        finally:
            self.depth -= 1

    def _bracketed(self) -> _Node:
        self.next()
        inner = self.any_of()
        if self.kind != ")":
            msg = 'expected ")"'
            raise RunningError(msg, self.text, self.start)
        self.next()
        return inner

    def _comparison(self) -> _Node:
        left = self._operand()
        if self.kind != "sign":
            msg = "expected one of < <= > >= == !="
            raise RunningError(msg, self.text, self.start)
        sign = self.token
        self.next()
        return _Comparison(left, sign, self._operand())

    def _operand(self) -> _Operand:
        kind, token = self.kind, self.token
        if kind not in {"number", "name", "quoted"}:
            msg = "expected a channel or a number"
            raise RunningError(msg, self.text, self.start)
        self.next()
        if kind == "number":
            return _Operand(number=float(token))
        self.channels[token] = None
        return _Operand(channel=token)
