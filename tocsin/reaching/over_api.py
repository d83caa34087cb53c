"""Asking a running box, or the page of a fleet, over its API."""

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast
from urllib.parse import quote

from models.catalogue.entries import Catalogue, Lineage, Moved
from models.catalogue.lineage import UnknownThingError
from tocsin.reaching.access import MOST, Brought, Form, KnownDevice, Rang, Said, Wanted, all_as, read_as
from tocsin.reaching.client import BoxError, Busy, Client
from wire.messages import Batch

AGAIN_S = 0.2  # before a piece is sent again that there was no room for
GIVE_UP_S = 120.0


class OverApi:
    """A running box, or a fleet's page."""

    def __init__(self, client: Client) -> None:
        """Nothing is asked yet."""
        self._client = client.patient()

    def devices(self) -> list[KnownDevice]:
        """See Access."""
        found = cast("list[dict[str, object]]", self._client.get("devices"))
        names = [[each["name"] for each in cast("list[dict[str, str]]", told["channels"])] for told in found]
        return [read_as(KnownDevice, told | {"channels": own}) for told, own in zip(found, names, strict=True)]

    def alarms(self, device: str) -> list[Rang]:
        """See Access."""
        return all_as(Rang, self._client.get("alarms", device=device, limit=str(MOST)))

    def labels(self, *, device: str = "", run: str = "", withdrawn: bool = False) -> list[Said]:
        """See Access."""
        asked = {"device": device, "run": run, "withdrawn": "true" if withdrawn else "", "limit": str(MOST)}
        return all_as(Said, self._client.get("labels", **asked))

    def procedures(self) -> list[str]:
        """See Access."""
        found = cast("list[dict[str, str]]", self._client.get("procedures"))
        return sorted(each["procedure"] for each in found)

    def history(self, alarm: str) -> list[Rang]:
        """See Access."""
        try:
            told = cast("dict[str, object]", self._client.get(f"alarms/{quote(alarm, safe='')}"))
        except BoxError as error:
            if "There is no alarm" in str(error):
                return []
            raise
        return all_as(Rang, told["history"])

    def export(self, device: str, out: Path, *, form: Form, start_ns: int, end_ns: int, noted: bool = True) -> int:
        """See Access; the box itself notes what went out under a name."""
        span = {"start": str(start_ns), "end": str(end_ns)}
        asked = span | {"format": form, "name": out.name} | ({} if noted else {"noted": "false"})
        return self._client.download(f"devices/{quote(device, safe='')}/export", out, **asked)

    def export_runs(self, procedure: str, out: Path, *, form: Form) -> int:
        """See Access."""
        path = f"procedures/{quote(procedure, safe='')}/rows"
        return self._client.download(path, out, format=form, name=out.name)

    def take_runs(self, procedure: str, out: Path, *, start_ns: int, end_ns: int) -> tuple[str, ...] | None:
        """See Access; the labels are not told."""
        path = f"procedures/{quote(procedure, safe='')}/rows"
        asked = {"format": "parquet", "start": str(start_ns), "end": str(end_ns), "noted": "false"}
        try:
            self._client.download(path, out, **asked)
        except BoxError as error:
            if "ended pass or fail" in str(error):
                return None
            raise
        return ()

    def catalogue(self) -> Catalogue:
        """See Access."""
        return read_as(Catalogue, self._client.get("catalogue"))

    def lineage(self, of: str) -> Lineage:
        """See Access."""
        try:
            return read_as(Lineage, self._client.get("lineage", of=of))
        except BoxError as error:
            if "nothing here is called" in str(error):
                raise UnknownThingError(str(error)) from error
            raise

    def label(self, wanted: Wanted) -> str:
        """See Access."""
        body = {name: getattr(wanted, name) for name in ("meaning", "who", "device", "run", "comment")}
        times = {"start": str(wanted.from_ns), "end": str(wanted.to_ns)} if wanted.device else {}
        told = cast("dict[str, str]", self._client.post("labels", body | times))
        return told["label"]

    def withdraw(self, label: str, *, who: str, why: str) -> None:
        """See Access."""
        self._client.post(f"labels/{quote(label, safe='')}/withdraw", {"who": who, "why": why})

    def give(self, message: Brought, file: Moved | None = None) -> None:
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


def _posted(message: Brought, file: Moved | None) -> tuple[str, Mapping[str, object]]:
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


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
