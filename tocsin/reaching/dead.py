"""`tocsin dead`: what nobody could decode, score or store, with the reason, and giving it in again."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import cast

import msgspec

from bus.address import Address, parse
from store.box.retention import DEAD_LETTERS
from tocsin.options import PROBLEM, USAGE
from tocsin.places import is_fleet
from tocsin.reaching.client import Client
from tocsin.reaching.reach import configured, reached
from wire.envelope import Rejected, unpack_input, unpack_outcome
from wire.messages import NS_PER_S, DeadLetter, Origin
from wire.ports import BusError
from wire.topics import DEAD, INPUTS

CONFIRM_S = 10.0


class DeadError(Exception):
    """It could not be done; the message says why and what to do."""

    code = PROBLEM


class NoRetryError(DeadError):
    """This letter cannot be given in again."""

    code = USAGE


class Letter(msgspec.Struct, frozen=True):
    """A dead letter with the name by which a person can call it: in a fleet, "PARTITION-OFFSET"; in a box, a digest."""

    id: str
    letter: DeadLetter

    @property
    def moment(self) -> str:
        """When it was buried."""
        return datetime.fromtimestamp(self.letter.t_ns / NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%SZ")

    @property
    def is_whole(self) -> bool:
        """Whether all of its bytes are here."""
        return len(self.letter.body) == self.letter.size

    def told(self) -> dict[str, object]:
        """For programs."""
        letter = self.letter
        return {
            "id": self.id,
            "time": self.moment,
            "edge": letter.origin.edge,
            "log": letter.origin.log,
            "seq": letter.origin.seq,
            "source": letter.source,
            "device": letter.device,
            "reason": letter.reason,
            "count": letter.count,
            "size": letter.size,
            "body": letter.body.hex(),
        }

    def __str__(self) -> str:
        """One line for a terminal."""
        where = "/".join(part for part in (self.letter.origin.edge, self.letter.source, self.letter.device) if part)
        return f"{self.id:<10} {self.moment}  {where:<28} {self.letter.reason}"


def letters(config: Path, *, limit: int) -> list[Letter]:
    """The newest dead letters, newest first. Raises DeadError, ReachError, BusError."""
    loaded = configured(config)
    if is_fleet(loaded.config):
        found = sorted(_on_bus(parse(loaded.config.bus, os.environ)), key=lambda one: one.letter.t_ns)
        return found[::-1][:limit]
    limit = min(limit, DEAD_LETTERS)
    with reached(loaded) as box:
        kept = list(_of_running(box, limit)) if isinstance(box, Client) else box.dead(limit=limit)
    return [Letter(_digest(letter), letter) for letter in kept]


def letter_of(config: Path, name: str) -> Letter:
    """One dead letter by its id. Raises DeadError, ReachError, BusError."""
    for one in letters(config, limit=1_000_000):
        if one.id == name:
            return one
    msg = f"there is no dead letter {name}: `tocsin dead list` shows their ids"
    raise DeadError(msg)


def retry(config: Path, name: str) -> str:
    """Give the input behind a dead letter in again, as it came; a sentence. Raises DeadError, ReachError, BusError."""
    loaded = configured(config)
    if not is_fleet(loaded.config):
        msg = "a box has its inputs in one file and no second way in: only a fleet's dead letters can be given in again"
        raise NoRetryError(msg)
    one = letter_of(config, name)
    if not one.is_whole:
        msg = f"{name} cannot be given in again: {len(one.letter.body)} of its {one.letter.size} bytes were kept"
        raise NoRetryError(msg)
    item = unpack_input(one.letter.body)
    if isinstance(item, Rejected):
        msg = f"{name} would only die again: {item.reason}"
        raise NoRetryError(msg)
    # Its own edge's key, whatever it came under: there its devices are.
    edge = str(getattr(item, "edge", "") or one.letter.origin.edge)
    _give_in(parse(loaded.config.bus, os.environ), one, edge.encode())
    return f"{name} was given in again as an input of {edge or 'no edge'}"


def _of_running(box: Client, limit: int) -> Iterator[DeadLetter]:
    """As the API tells of them: bytes that are no text stand escaped."""
    for told in cast("list[dict[str, object]]", box.get("dead", limit=str(limit))):
        facts = {name: told[name] for name in ("source", "device", "reason", "count", "size", "t_ns")}
        yield msgspec.convert(
            facts | {"origin": Origin(str(told["edge"]), "", 0), "body": str(told["body"]).encode()}, DeadLetter
        )


def _digest(letter: DeadLetter) -> str:
    """The same of a stopped box and of a running one, whatever came after."""
    body = letter.body.decode("utf-8", "backslashreplace")
    facts = (letter.origin.edge, letter.source, letter.device, letter.reason, str(letter.t_ns), body)
    return blake2b("\0".join(facts).encode(), digest_size=4).hexdigest()


def _on_bus(address: Address) -> Iterator[Letter]:
    from bus.history import history  # noqa: PLC0415 -- Kafka's client is loaded for a fleet alone

    for record in history(address, DEAD):
        letter = unpack_outcome(record.body)
        if isinstance(letter, DeadLetter):
            yield Letter(f"{record.partition}-{record.offset}", letter)


def _give_in(address: Address, one: Letter, key: bytes) -> None:
    from bus.publisher import KafkaPublisher  # noqa: PLC0415 -- see above

    told, ended = list[str](), threading.Event()

    def done(error: str) -> None:
        told.append(error)
        ended.set()

    with KafkaPublisher(address, client_id="tocsin-dead", give_up_s=CONFIRM_S) as bus:
        bus.publish(INPUTS, key, one.letter.body, done)
        if not ended.wait(CONFIRM_S + 5) or told[0]:
            msg = f"no broker took it: {told[0] if told else 'no answer'}"
            raise BusError(msg)
