"""What a store holds, asked of a reader at hand: what is gathered to train and to judge by."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from models.catalogue.known_runs import known_runs
from store.port import Reader
from tocsin.reaching.access import MOST, Form, KnownDevice, Rang, Said, all_as, read_as
from wire.messages import Label, Run

Taken = Callable[[Sequence[Run]], Sequence[Run]]


class AtHand:
    """See tocsin.access.Held. `taken`: what runs are made of before they are written, such as weighed."""

    def __init__(self, reader: Reader, *, taken: Taken = list) -> None:
        """Nothing is asked yet."""
        self.reader = reader
        self._taken = taken

    def devices(self) -> list[KnownDevice]:
        """See Held."""
        return [read_as(KnownDevice, msgspec.to_builtins(each)) for each in self.reader.devices()]

    def procedures(self) -> list[str]:
        """See Held."""
        return sorted({run.procedure for run in self.reader.runs(limit=MOST, rows=False)} - {""})

    def alarms(self, device: str) -> list[Rang]:
        """See Held."""
        return all_as(Rang, msgspec.to_builtins(self.reader.alarms(device=device, limit=MOST)))

    def history(self, alarm: str) -> list[Rang]:
        """See Held."""
        return all_as(Rang, msgspec.to_builtins(self.reader.history(alarm)))

    def labels(self, *, device: str = "", run: str = "", withdrawn: bool = False) -> list[Said]:
        """See Held."""
        found: list[Label] = self.reader.labels(device=device, run=run, withdrawn=withdrawn, limit=MOST)
        return all_as(Said, msgspec.to_builtins(found))

    def export(self, device: str, out: Path, *, form: Form, start_ns: int, end_ns: int, noted: bool = True) -> int:  # noqa: ARG002 -- who only reads keeps no ledger
        """See Held."""
        return self.reader.export(device, out, form=form, start_ns=start_ns, end_ns=end_ns)

    def take_runs(self, procedure: str, out: Path, *, start_ns: int, end_ns: int) -> tuple[str, ...] | None:
        """See Held."""
        from models.catalogue.run_table import run_table  # noqa: PLC0415 -- pandas takes a second to load

        found = known_runs(self.reader, procedure, start_ns=start_ns, end_ns=end_ns)
        if not found:
            return None
        run_table(self._taken([run for run, _ in found])).to_parquet(out, index=False)
        return tuple(label.id for _, label in found)
