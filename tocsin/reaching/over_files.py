"""Asking a reader at hand: the store of a stopped box, or a fleet's stores where no page answers."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from models.catalogue.catalogued import Catalogued
from models.catalogue.entries import Catalogue, Lineage, Moved
from models.catalogue.known_runs import known_runs
from models.catalogue.ledger import digest_of
from store.export import whole
from store.port import Reader
from tocsin.reaching.access import Brought, Form, Wanted
from tocsin.reaching.at_hand import AtHand
from tocsin.reaching.reach import ReachError
from wire.messages import Label, Labelled, Origin
from wire.ports import Wish


class OverFiles(AtHand):
    """A reader at hand, of a stopped box or of a fleet; `put` brings inputs where that can be done."""

    def __init__(
        self,
        reader: Reader,
        catalogued: Catalogued,
        *,
        put: Callable[[Wish], None],
    ) -> None:
        """Nothing is asked yet."""
        super().__init__(reader)
        self._catalogued = catalogued
        self._put = put

    def export(self, device: str, out: Path, *, form: Form, start_ns: int, end_ns: int, noted: bool = True) -> int:
        """See Access."""
        rows = super().export(device, out, form=form, start_ns=start_ns, end_ns=end_ns)
        if noted:
            known = next((each for each in self.reader.devices() if each.device == device), None)
            span = (max(start_ns, known.first_ns), min(end_ns - 1, known.last_ns)) if known else (None, None)
            moved = Moved("exported", str(out), digest_of(out), rows, time.time_ns(), device, "", *span)
            self._catalogued.note(moved)
        return rows

    def export_runs(self, procedure: str, out: Path, *, form: Form) -> int:
        """See Access."""
        from models.catalogue.run_table import run_table  # noqa: PLC0415 -- pandas takes a second to load

        table = run_table([run for run, _ in known_runs(self.reader, procedure)])
        if not len(table):
            msg = f"no run of {procedure!r} ended pass or fail yet"
            raise ReachError(msg)
        with whole(out) as file:
            if form == "csv":
                table.to_csv(file, index=False)
            else:
                table.to_parquet(file, index=False)
        moved = Moved("exported", str(out), digest_of(out), len(table), time.time_ns(), procedure=procedure)
        self._catalogued.note(moved)
        return len(table)

    def catalogue(self) -> Catalogue:
        """See Access."""
        return self._catalogued.catalogue()

    def lineage(self, of: str) -> Lineage:
        """See Access."""
        return self._catalogued.lineage(of)

    def label(self, wanted: Wanted) -> str:
        """See Access."""
        made = self._made(wanted)
        self._put(Labelled(made.id, made.edge, made))
        return made.id

    def withdraw(self, label: str, *, who: str, why: str) -> None:
        """See Access."""
        known = next(iter(self.reader.labels(label=label, withdrawn=True, limit=1)), None)
        if known is None:
            msg = f"there is no label {label!r}; `tocsin data label --list` shows those there are"
            raise ReachError(msg)
        gone = msgspec.structs.replace(known, withdrawn_by=who, withdrawn_why=why)
        self._put(Labelled(digest(label, who, "withdrawn"), known.edge, gone))

    def _made(self, wanted: Wanted) -> Label:
        edge, span, known_as = self._place(wanted)
        id_ = digest(edge, wanted.device, wanted.run, wanted.meaning, *map(str, span), wanted.who, wanted.comment)
        label = Label(
            id=id_,
            origin=Origin(edge, "labelled", 0),
            edge=edge,
            meaning=wanted.meaning,
            from_ns=span[0],
            to_ns=span[1],
            who=wanted.who,
            at_ns=time.time_ns(),
            device=wanted.device,
            run=wanted.run,
            comment=wanted.comment,
        )
        return msgspec.structs.replace(label, model=known_as[0], model_version=known_as[1])

    def _place(self, wanted: Wanted) -> tuple[str, tuple[int, int], tuple[str, int]]:
        """The edge, the stretch and the model of what is labelled. Raises ReachError for what nobody knows."""
        if wanted.run:
            run = self.reader.run("", wanted.run)
            if run is None:
                msg = f"there is no run {wanted.run!r}"
                raise ReachError(msg)
            return run.edge, (run.started_ns, run.ended_ns or run.changed_ns), (run.model, run.model_version)
        edge = next((each.edge for each in self.reader.devices() if each.device == wanted.device), "")
        if not edge:
            msg = f"there is no device {wanted.device!r}"
            raise ReachError(msg)
        return edge, (wanted.from_ns, wanted.to_ns), ("", 0)

    def give(self, message: Brought, file: Moved | None = None) -> None:
        """See Access."""
        self._put(message)
        if file is not None:
            self._catalogued.note(file)


def digest(*parts: str) -> str:
    """An id that is derived, not drawn, as the API derives it."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
