"""Where an MQTT topic says a message belongs; knows nothing of brokers."""

import re
from collections.abc import Sequence

import msgspec

_NAME = re.compile(r"\{(\w*)\}")
_NAMES = {"device", "channel"}


class Place(msgspec.Struct, frozen=True):
    """The device a topic names, and the channel; no channel: the message carries names of its own."""

    device: str
    channel: str | None


class TopicPattern:
    """A pattern such as "plant/{device}/{channel}"; a topic one "/{channel}" short of it carries a mapping of names."""

    def __init__(self, pattern: str) -> None:
        names = _NAME.findall(pattern)
        if not set(names) <= _NAMES or len(set(names)) != len(names) or "device" not in names:
            msg = f'pattern: expected {{device}} once and {{channel}} at most once, got "{pattern}"'
            raise ValueError(msg)
        self.pattern = pattern
        self._number = _regex(pattern) if "channel" in names else None
        whole = pattern if self._number is None else pattern.removesuffix("/{channel}")
        self._mapping = _regex(whole) if "{channel}" not in whole else None

    def place(self, topic: str) -> Place | None:
        """What a topic names, None if it does not fit."""
        if self._number is not None and (match := self._number.fullmatch(topic)):
            return Place(device=match["device"], channel=match["channel"])
        if self._mapping is not None and (match := self._mapping.fullmatch(topic)):
            return Place(device=match["device"], channel=None)
        return None


class StationPattern:
    """A pattern such as "plant/{station}/run"; an empty one fits no topic."""

    def __init__(self, pattern: str, *, key: str) -> None:
        if pattern and (_NAME.findall(pattern) != ["station"] or set(pattern) & {"+", "#"}):
            msg = f'{key}: expected {{station}} once and no + or #, got "{pattern}"'
            raise ValueError(msg)
        self._pattern = pattern
        self._topic = _regex(pattern) if pattern else None

    def station(self, topic: str) -> str | None:
        """The station that a topic names, None if it does not fit."""
        match = self._topic.fullmatch(topic) if self._topic is not None else None
        return match["station"] if match else None

    def topic(self, station: str) -> str:
        """The topic of a station, "" if there is none."""
        return self._pattern.replace("{station}", station)


def _regex(pattern: str) -> re.Pattern[str]:
    parts = _NAME.split(pattern)  # text, name, text, name, ..., text
    return re.compile("".join(f"(?P<{part}>[^/]+)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))


def check_filters(topics: Sequence[str]) -> None:
    """Raise ValueError unless these are subscriptions a broker can understand."""
    if not topics:
        msg = "topics: name at least one"
        raise ValueError(msg)
    for topic in topics:
        *levels, last = topic.split("/")
        alone = all(level == "+" or not set(level) & {"+", "#"} for level in levels)
        if not topic or not alone or (last not in {"+", "#"} and set(last) & {"+", "#"}):
            msg = f'topics: + and # stand alone between slashes, and # only at the end, got "{topic}"'
            raise ValueError(msg)
