"""What commands about data ask and bring: one set of questions to a running box, a stopped one or a fleet."""

import base64
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, Protocol, TypeVar, cast
from urllib.parse import quote

import msgspec

from models.catalogue.catalogued import Catalogued
from models.catalogue.entries import Catalogue, Lineage, Moved
from models.catalogue.ledger import digest_of
from models.catalogue.lineage import UnknownThingError
from store.export import whole
from store.port import Reader
from tocsin.client import BoxError, Busy, Client
from tocsin.reach import ReachError
from wire.messages import Backtested, Batch, Label, Labelled
from wire.ports import Wish

Form = Literal["csv", "parquet"]
MOST = 10_000  # alarms and labels of a device that are asked for
MOST_RUNS = 20_000
AGAIN_S = 0.2  # before a piece is sent again that there was no room for
GIVE_UP_S = 120.0
_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class KnownDevice(msgspec.Struct, frozen=True):
    """A device as a command needs to know it."""

    device: str
    edge: str
    channels: tuple[str, ...]
    first_ns: int
    last_ns: int
    rows: int | None


class Rang(msgspec.Struct, frozen=True):
    """An alarm in its newest state, as a command needs to know it."""

    id: str
    device: str
    rule: str
    state: str
    onset_ns: int
    changed_ns: int
    summary: str
    model: str = ""
    model_version: int = 0


class Said(msgspec.Struct, frozen=True):
    """A label, as a command needs to know it."""

    id: str
    meaning: str
    from_ns: int
    to_ns: int
    who: str
    at_ns: int
    edge: str = ""
    device: str = ""
    run: str = ""
    comment: str = ""
    alarm: str = ""
    withdrawn_by: str = ""


class Access(Protocol):
    """Raises ReachError, BoxError or what the store raises where it cannot be asked."""

    clock_ns: int

    def devices(self) -> list[KnownDevice]:
        """All devices, by name."""

    def alarms(self, device: str) -> list[Rang]:
        """Alarms of a device, newest change first."""

    def labels(self, *, device: str = "", run: str = "", withdrawn: bool = False) -> list[Said]:
        """Labels, newest first."""

    def export(self, device: str, out: Path, *, form: Form, start_ns: int, end_ns: int, noted: bool = True) -> int:
        """Write a device's rows to a file, and note that in the ledger; returns how many there are."""

    def export_runs(self, procedure: str, out: Path, *, form: Form) -> int:
        """Write the ended runs of a procedure, a wide row a run."""

    def catalogue(self) -> Catalogue:
        """What data there is."""

    def lineage(self, of: str) -> Lineage:
        """What was made from what; raises UnknownThingError."""

    def give(self, message: Wish, file: Moved | None = None) -> None:
        """Bring rows, scores or a label; durable when this returns."""


class OverApi:
    """A running box, or a fleet's page."""

    def __init__(self, client: Client) -> None:
        """Nothing is asked yet."""
        self.clock_ns = time.time_ns()
        self._client = client

    def devices(self) -> list[KnownDevice]:
        """See Access."""
        found = cast("list[dict[str, object]]", self._client.get("devices"))
        names = [[each["name"] for each in cast("list[dict[str, str]]", told["channels"])] for told in found]
        return [_of(KnownDevice, told | {"channels": own}) for told, own in zip(found, names, strict=True)]

    def alarms(self, device: str) -> list[Rang]:
        """See Access."""
        return _all(Rang, self._client.get("alarms", device=device, limit=str(MOST)))

    def labels(self, *, device: str = "", run: str = "", withdrawn: bool = False) -> list[Said]:
        """See Access."""
        asked = {"device": device, "run": run, "withdrawn": "true" if withdrawn else "", "limit": str(MOST)}
        return _all(Said, self._client.get("labels", **asked))

    def export(self, device: str, out: Path, *, form: Form, start_ns: int, end_ns: int, noted: bool = True) -> int:
        """See Access; the box itself notes what went out under a name."""
        name = out.name if noted else ""
        return self._client.export(device, out, form=form, start_ns=start_ns, end_ns=end_ns, name=name)

    def export_runs(self, procedure: str, out: Path, *, form: Form) -> int:
        """See Access."""
        path = f"procedures/{quote(procedure, safe='')}/rows"
        return self._client.download(path, out, format=form, name=out.name)

    def catalogue(self) -> Catalogue:
        """See Access."""
        return _of(Catalogue, self._client.get("catalogue"))

    def lineage(self, of: str) -> Lineage:
        """See Access."""
        try:
            return _of(Lineage, self._client.get("lineage", of=of))
        except BoxError as error:
            if "nothing here is called" in str(error):
                raise UnknownThingError(str(error)) from error
            raise

    def give(self, message: Wish, file: Moved | None = None) -> None:
        """See Access; what there is no room for just now is sent again."""
        path, body = _posted(message, file)
        deadline_s = time.monotonic() + GIVE_UP_S
        while True:
            try:
                self._client.post(path, body)
            except Busy:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(AGAIN_S)
            else:
                return


class OverFiles:
    """A reader at hand, of a stopped box or of a fleet; `put` brings inputs where that can be done."""

    def __init__(
        self,
        reader: Reader,
        catalogued: Catalogued,
        *,
        put: Callable[[Wish], None],
        clock_ns: int,
    ) -> None:
        """Nothing is asked yet."""
        self.clock_ns = clock_ns
        self._reader = reader
        self._catalogued = catalogued
        self._put = put

    def devices(self) -> list[KnownDevice]:
        """See Access."""
        return [_of(KnownDevice, msgspec.to_builtins(each)) for each in self._reader.devices()]

    def alarms(self, device: str) -> list[Rang]:
        """See Access."""
        return _all(Rang, msgspec.to_builtins(self._reader.alarms(device=device, limit=MOST)))

    def labels(self, *, device: str = "", run: str = "", withdrawn: bool = False) -> list[Said]:
        """See Access."""
        found: list[Label] = self._reader.labels(device=device, run=run, withdrawn=withdrawn, limit=MOST)
        return _all(Said, msgspec.to_builtins(found))

    def export(self, device: str, out: Path, *, form: Form, start_ns: int, end_ns: int, noted: bool = True) -> int:
        """See Access."""
        rows = self._reader.export(device, out, form=form, start_ns=start_ns, end_ns=end_ns)
        if noted:
            known = next((each for each in self._reader.devices() if each.device == device), None)
            span = (max(start_ns, known.first_ns), min(end_ns - 1, known.last_ns)) if known else (None, None)
            moved = Moved("exported", str(out), digest_of(out), rows, time.time_ns(), device, "", *span)
            self._catalogued.note(moved)
        return rows

    def export_runs(self, procedure: str, out: Path, *, form: Form) -> int:
        """See Access."""
        from models.catalogue.run_table import run_table  # noqa: PLC0415 -- pandas takes a second to load

        table = run_table(self._reader.runs(procedure=procedure, limit=MOST_RUNS))
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

    def give(self, message: Wish, file: Moved | None = None) -> None:
        """See Access."""
        self._put(message)
        if file is not None:
            self._catalogued.note(file)


def _posted(message: Wish, file: Moved | None) -> tuple[str, Mapping[str, object]]:
    """Where the API takes a message, and how it is written there."""
    if isinstance(message, Batch):
        (frame,) = message.frames
        told = {"name": file.file, "sha256": file.sha256, "rows": file.rows} if file else None
        span = {"from_ns": file.from_ns, "to_ns": file.to_ns} if file else {}
        return "imports", {
            "edge": message.edge,
            "device": frame.device,
            "channels": frame.channels,
            "t_ns": _text(frame.t_ns),
            "values": _text(frame.values),
            "lane": message.log,
            "seq": message.seq,
            "file": told | span if told else None,
        }
    if isinstance(message, Backtested):
        scores = message.scores
        return "backtests", {
            "edge": message.edge,
            "device": scores.device,
            "model": scores.model,
            "version": scores.version,
            "channels": scores.channels,
            "t_ns": _text(scores.t_ns),
            "score": _text(scores.score),
            "contributions": _text(scores.contributions),
        }
    if isinstance(message, Labelled):
        return _labelled(message.label)
    msg = f"{type(message).__name__} is brought by no command"
    raise TypeError(msg)


def _labelled(label: Label) -> tuple[str, Mapping[str, object]]:
    if label.withdrawn_by:
        body = {"who": label.withdrawn_by, "why": label.withdrawn_why}
        return f"labels/{quote(label.id, safe='')}/withdraw", body
    body = {name: getattr(label, name) for name in ("meaning", "device", "run", "who", "comment")}
    times = {"from_ns": label.from_ns, "to_ns": label.to_ns} if label.device else {}
    return "labels", {name: value for name, value in (body | times).items() if value != ""}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _of(kind: type[_Struct], told: object) -> _Struct:
    try:
        return msgspec.convert(told, kind, strict=False)
    except msgspec.ValidationError as error:
        msg = f"what was answered is no {kind.__name__}: {error}"
        raise ReachError(msg) from error


def _all(kind: type[_Struct], told: object) -> list[_Struct]:
    return [_of(kind, each) for each in cast("list[object]", told)]
