"""The catalogue put together: over which reader, registry, ledger and archive it looks; and who is to be asked."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from models.catalogue.catalogued import Catalogued
from models.catalogue.entries import DataSet
from models.catalogue.ground import Ground
from models.catalogue.ledger import Ledger
from models.registry.errors import RegistryError
from models.registry.folder import Registry
from store.archive.errors import ArchiveError
from store.archive.manifest import Cut, Manifest, sha256
from store.archive.place import Place, place
from store.box.box import DuckStore
from store.errors import StoreError, StoreLockedError
from store.port import Reader, StoreAwayError, StoreFullError, TooManyRowsError
from tocsin.places import archive_root, is_fleet, models_url, store_path
from tocsin.reaching.access import Access
from tocsin.reaching.client import BoxError, Client
from tocsin.reaching.over_api import OverApi
from tocsin.reaching.over_files import OverFiles
from tocsin.reaching.reach import ReachError, running
from wire.ports import BusError, Wish
from wire.settings import Loaded

MOVED = "moved.jsonl"  # beside the store of a box, in `data` of a fleet's page
MOST_CUTS = 5000  # of an archive that are counted, the newest days of each partition


def ledger(loaded: Loaded) -> Ledger:
    """The ledger of files that went out and came in."""
    folder = loaded.path("data") if is_fleet(loaded.config) else store_path(loaded).parent
    return Ledger(folder / MOVED)


def catalogued(loaded: Loaded, reader: Reader, models: Registry | None = None) -> Catalogued:
    """The catalogue of a config over a reader at hand."""
    moved = ledger(loaded)
    ground = Ground(
        reader=reader,
        config=loaded.config,
        models=models or _registry(loaded),
        moved=moved.read,
        note=moved.note,
        archives=lambda: archives(loaded),
    )
    return Catalogued(ground)


def archives(loaded: Loaded) -> Sequence[DataSet]:
    """What the archive holds, by its manifest; none where there is none, or where it cannot be read just now."""
    root = archive_root(loaded)
    try:
        found = _archive(root, place(root))
    except ArchiveError as error:
        return [DataSet(f"archive:{root}", "archive", root, says=f"cannot be read: {error}")]
    return [found] if found else []


def _archive(root: str, where: Place) -> DataSet | None:
    cuts: list[Cut] = []
    more = False
    for cut in Manifest(where).cuts():
        if len(cuts) == MOST_CUTS:
            more = True
            break
        cuts.append(cut)
    kept = [kept for cut in cuts for part in cut.files for kept in part.devices.values()]
    if not kept:
        return None
    files = sorted((part.name, part.sha256) for cut in cuts for part in cut.files)
    devices = {device for cut in cuts for part in cut.files for device in part.devices}
    return DataSet(
        id=f"archive:{root}",
        kind="archive",
        name=root,
        source="every input of the bus",
        from_ns=min(each.first_ns for each in kept),
        to_ns=max(each.last_ns for each in kept),
        rows=sum(cut.rows for cut in cuts),
        digest=sha256("".join(digest for _, digest in files).encode()),
        digest_of="the digests of its files, in the order of their names",
        columns=len({name for each in kept for name in each.channels}),
        says=f"{len(devices)} devices in {len(files)} files" + (f" of the first {MOST_CUTS} cuts" if more else ""),
    )


def _registry(loaded: Loaded) -> Registry | None:
    try:
        return Registry.open(models_url(loaded))
    except RegistryError:
        return None


@contextmanager
def accessed(loaded: Loaded, *, writes: bool = False) -> Iterator[Access]:
    """Who answers for this config: a running box or page, else the files of a stopped box, or a fleet's stores.

    Raises ReachError, also for what either says inside.
    """
    try:
        with ExitStack() as stack:
            if is_fleet(loaded.config):
                yield _of_fleet(loaded, stack)
            else:
                yield _of_box(loaded, stack, writes=writes)
    except (StoreError, StoreFullError, StoreAwayError, TooManyRowsError, BoxError, BusError) as error:
        raise ReachError(str(error)) from error


def _of_box(loaded: Loaded, stack: ExitStack, *, writes: bool) -> Access:
    try:
        store = stack.enter_context(
            DuckStore(path=store_path(loaded), retention=loaded.config.retention, read_only=not writes)
        )
    except StoreLockedError as error:
        return OverApi(running(loaded, error))
    if not writes:
        return OverFiles(store, catalogued(loaded, store), put=_refused)
    from tocsin.reaching.standing import standing  # noqa: PLC0415 -- who only asks loads no model

    box = stack.enter_context(standing(loaded, store))
    return OverFiles(store, catalogued(loaded, store), put=box.give)


def _refused(message: Wish) -> None:
    msg = f"{type(message).__name__}: this box was opened to be read"
    raise ReachError(msg)


def _of_fleet(loaded: Loaded, stack: ExitStack) -> Access:
    client = Client.of(loaded.config.console.listen)
    if client.alive():
        return OverApi(client)
    # Kafka's and InfluxDB's clients are loaded for a fleet alone.
    from bus.address import parse  # noqa: PLC0415
    from bus.history import history  # noqa: PLC0415
    from bus.publisher import KafkaPublisher  # noqa: PLC0415
    from store.influx.client import InfluxClient  # noqa: PLC0415
    from store.influx.reading.book import Book  # noqa: PLC0415
    from store.influx.reading.reader import FleetReader  # noqa: PLC0415
    from tocsin.roles.fleet import RoleError  # noqa: PLC0415
    from tocsin.roles.inbox import CONFIRM_S, BusInbox  # noqa: PLC0415
    from tocsin.roles.sink import influx_of  # noqa: PLC0415
    from wire.topics import ALARMS  # noqa: PLC0415

    try:
        address = parse(loaded.config.bus, os.environ)
        influx = stack.enter_context(InfluxClient(influx_of(loaded)))
    except RoleError as error:
        raise ReachError(str(error)) from error
    book = Book(history(address, ALARMS))
    reader = stack.enter_context(FleetReader(influx, book=lambda: book, site=loaded.config.site))
    reader.glance.look()
    publishers: list[BusInbox] = []

    def put(message: Wish) -> None:
        if not publishers:
            publisher = KafkaPublisher(address, client_id="tocsin-data", give_up_s=CONFIRM_S)
            publishers.append(BusInbox(stack.enter_context(publisher)))
        publishers[0].append(message)

    return OverFiles(reader, catalogued(loaded, reader), put=put)


def edge_of(access: Access, loaded: Loaded, device: str) -> str:
    """The edge that speaks for a device: its own, else that of this config."""
    own = next((each.edge for each in access.devices() if each.device == device), "")
    return own or loaded.config.edge.name
