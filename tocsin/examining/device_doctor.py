"""What `tocsin doctor` says of names in the config that no device bears: a limit on such a channel never rings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import cast

from store.port import Reader
from stream.devices.running import parse
from tocsin.examining.finding import Finding, bad, good
from tocsin.reaching.client import Client
from wire.config import Config, DeviceRule

ALL = "*"


def of_box(box: Client, config: Config) -> Iterator[Finding]:
    """Of a running box, as its API says."""
    told = cast("list[dict[str, object]]", box.get("devices"))
    known = {
        str(one["device"]): [str(channel["name"]) for channel in cast("list[dict[str, object]]", one["channels"])]
        for one in told
    }
    return findings(known, config)


def of_reader(reader: Reader, config: Config) -> Iterator[Finding]:
    """Of a stopped box, or of a fleet."""
    return findings({one.device: one.channels for one in reader.devices()}, config)


def findings(known: Mapping[str, Sequence[str]], config: Config) -> Iterator[Finding]:
    """A line for each rule that no device was seen of, and each channel that none of its devices has.

    `known`: the channels of each device that was seen. Where none was, nothing can be told.
    """
    for place, rule in enumerate(config.devices if known else ()):
        mine = [channels for name, channels in known.items() if fnmatchcase(name, rule.match)]
        if not mine:
            yield good("device", f"{rule.match}: named in the config, and no such device was seen: is it spelt so?")
            continue
        there = {channel for channels in mine for channel in channels}
        for key, pattern in _named(rule):
            if not any(fnmatchcase(channel, pattern) for channel in there):
                whose = "no device ever had" if rule.match == ALL else f"{rule.match} never had"
                what = f"devices[{place}].{key} speaks of the channel {pattern!r}, which {whose}"
                yield bad("device", f"{what}: is it spelt so?")


def _named(rule: DeviceRule) -> Iterable[tuple[str, str]]:
    """Each channel that a rule speaks of, below its key."""
    yield from ((f"channels.{pattern}", pattern) for pattern in rule.channels)
    if rule.running_when is not None:
        yield from (("running_when", channel) for channel in parse(rule.running_when).channels)
