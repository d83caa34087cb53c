"""The bytes of every message, pinned: stored logs and topics must stay readable for ever.

A new message or field with a default: add an example below, run `python -m tests.wire.renew`, and commit the file.
A changed file of an old example means that old bytes are no longer written the same way; that needs a new VERSION.
"""

from pathlib import Path

import msgspec
import pytest

from tests.strategies import kinds
from tests.wire.examples import EXAMPLES
from wire.envelope import pack, unpack_input, unpack_outcome
from wire.messages import Batch, Event, Input, Outcome

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_message_is_written_as_ever(name: str) -> None:
    assert pack(EXAMPLES[name]).hex() == (GOLDEN / f"{name}.hex").read_text().strip()


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.hex")), ids=lambda file: file.stem)
def test_stored_bytes_are_read_as_ever(file: Path) -> None:
    data = bytes.fromhex(file.read_text())
    example = EXAMPLES[file.stem]
    read = unpack_input(data) if isinstance(example, Input) else unpack_outcome(data)
    assert read == example


def test_every_kind_of_message_has_an_example() -> None:
    shown: set[type[msgspec.Struct]] = {type(example) for example in EXAMPLES.values()}
    batches = [example for example in EXAMPLES.values() if isinstance(example, Batch)]
    shown |= {type(event) for batch in batches for event in batch.events}
    assert shown == {*kinds(Input), *kinds(Outcome), *kinds(Event)}
