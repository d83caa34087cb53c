"""`tocsin data export`: a device's readings to a file, from a running or a stopped box, or from an archive."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from store.archive.errors import ArchiveError
from store.archive.place import place
from store.archive.reading import ArchiveReader
from store.errors import StoreError
from tocsin.options import PROBLEM, USAGE
from tocsin.places import archive_root, is_fleet
from tocsin.reaching.catalogue import accessed
from tocsin.reaching.reach import configured

FORMS: Mapping[str, Literal["csv", "parquet"]] = {".csv": "csv", ".parquet": "parquet"}
EVER_NS = 2**63 - 1


class ExportError(Exception):
    """Nothing was written; the message says why and what to do."""

    code = PROBLEM


class WrongWordsError(ExportError):
    """What was asked for cannot be."""

    code = USAGE


def write(
    config: Path, *, device: str, out: Path, start: str, end: str, archive: bool = False, noted: bool = False
) -> int:
    """Write the file and return its rows; a fleet's come from its archive. Raises ExportError, ReachError.

    `noted`: the ledger of what went out remembers it.
    """
    form = form_of(out)
    start_ns = moment_ns(start, "--from") if start else 0
    end_ns = moment_ns(end, "--to") if end else EVER_NS
    loaded = configured(config)
    try:
        if archive or is_fleet(loaded.config):
            reader = ArchiveReader(place(archive_root(loaded)))
            return reader.export(device, out, form=form, start_ns=start_ns, end_ns=end_ns)
        with accessed(loaded) as access:
            return access.export(device, out, form=form, start_ns=start_ns, end_ns=end_ns, noted=noted)
    except (ArchiveError, StoreError) as error:
        raise ExportError(str(error)) from error
    except OSError as error:
        msg = f"{out} cannot be written: {error.strerror or error}"
        raise ExportError(msg) from error


def write_runs(config: Path, *, procedure: str, out: Path) -> int:
    """Write the ended runs of a procedure, a wide row a run. Raises ExportError, ReachError."""
    from tocsin.reaching.catalogue import accessed  # noqa: PLC0415 -- see above

    form = form_of(out)
    try:
        with accessed(configured(config)) as access:
            return access.export_runs(procedure, out, form=form)
    except OSError as error:
        msg = f"{out} cannot be written: {error.strerror or error}"
        raise ExportError(msg) from error


def form_of(out: Path) -> Literal["csv", "parquet"]:
    """What the name of a file says of its form. Raises WrongWordsError."""
    form = FORMS.get(out.suffix.lower())
    if form is None:
        msg = f"{out}: name a file that ends in .csv or .parquet"
        raise WrongWordsError(msg)
    return form


def moment_ns(text: str, option: str) -> int:
    """A time that was typed; one without a zone is UTC. Raises WrongWordsError."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"{option}: expected a time such as 2026-05-01T06:00Z, got {text!r}"
        raise WrongWordsError(msg) from error
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(int(when.timestamp()) * 1_000_000_000 + when.microsecond * 1000, EVER_NS)
