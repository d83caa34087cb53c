"""Recorded rows out of an archive, for whoever scores history; the same questions as to a box."""

from pathlib import Path

from store.archive.manifest import Kept, Manifest
from store.archive.place import Place
from store.archive.reading import ArchiveReader
from tocsin.reaching.access import Access, Form, KnownDevice


class ArchivePast:
    """What an archive holds; which edge a device belongs to is asked of the store. Raises ArchiveError."""

    def __init__(self, place: Place, access: Access, *, edge: str) -> None:
        """`edge` speaks for devices that the store does not know."""
        self._reader = ArchiveReader(place)
        self._manifest = Manifest(place)
        self._access = access
        self._edge = edge

    def devices(self) -> list[KnownDevice]:
        """Every device with its channels and times; reads the whole manifest."""
        edges = {each.device: each.edge for each in self._access.devices()}
        kept: dict[str, list[Kept]] = {}
        for cut in (*self._manifest.cuts(), *self._manifest.open_cuts()):
            for part in cut.files:
                for device, found in part.devices.items():
                    kept.setdefault(device, []).append(found)
        return [
            KnownDevice(
                device=device,
                edge=edges.get(device, self._edge),
                channels=tuple(dict.fromkeys(name for each in found for name in each.channels)),
                first_ns=min(each.first_ns for each in found),
                last_ns=max(each.last_ns for each in found),
                rows=None,
            )
            for device, found in sorted(kept.items())
        ]

    def export(self, device: str, out: Path, *, form: Form, start_ns: int, end_ns: int, noted: bool = True) -> int:
        """See tocsin.access.Access; what is read here goes into no ledger."""
        del noted
        return self._reader.export(device, out, form=form, start_ns=start_ns, end_ns=end_ns)
