"""Whether an archive is whole, and what is said where it is not."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from store.archive.archive import Archive
from store.archive.audit import audit
from store.archive.place import Folder
from tests.store.archive.pieces import stream
from tocsin.commands.archive import archive as command

RECORDS = stream(40)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    writer = Archive(Folder(tmp_path), cut_offsets=10)
    writer.take(RECORDS)
    writer.tend(now=True)
    return tmp_path


def test_a_whole_archive_adds_up(kept: Path) -> None:
    found = audit(Folder(kept), deep=True)
    assert found.problems == ()
    assert found.records + found.open_records == len(RECORDS)
    assert found.records == found.batches + found.resent + found.unreadable
    assert found.files == len(list(kept.glob("day=*/*"))) + len(list(kept.glob("events/day=*/*")))


def test_what_is_missing_damaged_or_does_not_belong_there_is_named(kept: Path) -> None:
    gone, damaged, *_ = sorted(kept.glob("day=*/*"))
    gone.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (kept / "day=2026-01-01").mkdir()
    (kept / "day=2026-01-01" / "p00-3.parquet").write_text("")
    (kept / "day=2026-01-01" / f"p00-{10**19}.parquet").write_text("")  # as a kill leaves one
    sorted(kept.glob("manifest/p00/*"))[2].unlink()
    said = audit(Folder(kept), deep=True).problems
    assert f"{gone.relative_to(kept)} is missing: restore it from a copy" in said
    assert f"{damaged.relative_to(kept)} is not as it was written: restore it from a copy" in said
    assert "partition 0: offsets 20 to 29 are in no cut" in said
    assert any(sentence.startswith("day=2026-01-01/p00-3.parquet is in no cut") for sentence in said)
    assert not any(str(10**19) in sentence for sentence in said)


def test_offsets_that_the_bus_forgot_are_told(tmp_path: Path) -> None:
    Archive(Folder(tmp_path), cut_offsets=10).take([*RECORDS[:12], *RECORDS[15:20]])
    (said,) = audit(Folder(tmp_path)).problems
    assert said.startswith("partition 0: 3 of offsets 10 to 19 were no longer on the bus")


def test_the_command_checks_and_says_what_there_is(kept: Path) -> None:
    config = kept / "tocsin.toml"
    config.write_text('bus = "kafka://127.0.0.1:1"\nstore = "influxdb://127.0.0.1:1/x"\narchive = "."\n')
    result = CliRunner().invoke(command, ["--check", "-c", str(config)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{kept}: ")
    next(kept.glob("day=*/*")).unlink()
    result = CliRunner().invoke(command, ["--check", "--json", "-c", str(config)])
    assert result.exit_code == 1
    assert "is missing" in json.loads(result.stdout)["problems"][0]
