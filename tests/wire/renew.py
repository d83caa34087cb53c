"""Writes the golden files anew: `python -m tests.wire.renew`; look at the difference before you commit it."""

from pathlib import Path

from tests.wire.examples import EXAMPLES
from wire.envelope import pack

if __name__ == "__main__":
    folder = Path(__file__).parent / "golden"
    folder.mkdir(exist_ok=True)
    for name, example in EXAMPLES.items():
        (folder / f"{name}.hex").write_text(pack(example).hex() + "\n")
