import threading
from pathlib import Path

import pytest

from benchmarks.processes import until
from edge.log import LocalLog
from store.box.box import DuckStore
from tests.tocsin.plant import DEADLINE_S, QUIET, write
from tocsin.places import log_path, store_path
from tocsin.roles.box import Box, BoxError
from wire.messages import SourceStatus
from wire.settings import load

RECORDED = '[[edge.sources]]\ntype = "replay"\npath = "may.csv"\ndevice = "d"\ntimes = "own"\nspeed = 0\n'
SILENT = '[[edge.sources]]\ntype = "mqtt"\nurl = "mqtt://127.0.0.1:9"\n'
SERIAL = '[[edge.sources]]\ntype = "serial"\nport = "none.tty"\ndevice = "d"\nchannels = ["a"]\n'


def test_every_thread_of_a_box_ends_with_it(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with Box(load(write(tmp_path, QUIET + SILENT + SERIAL))) as box:
        box.serve()
        names = {thread.name for thread in set(threading.enumerate()) - before}
        assert {"runner", "outbox", "source-host-1", "source-mqtt-1", "source-serial-1", "console"} <= names
    # The console's workers end by themselves once they are told that there is no more work.
    for thread in set(threading.enumerate()) - before:
        thread.join(DEADLINE_S)
        assert not thread.is_alive(), thread.name


def test_a_store_that_cannot_be_opened_leaves_no_thread_and_no_lock(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, QUIET))
    store_path(loaded).parent.mkdir()
    store_path(loaded).write_text("letters " * 999)
    before = set(threading.enumerate())
    with pytest.raises(BoxError, match="is no Tocsin store"), Box(loaded):
        pass
    assert set(threading.enumerate()) == before
    with LocalLog.of(log_path(loaded), loaded.config.edge) as log:
        assert log.lane.log


def test_what_was_read_while_the_store_could_not_be_opened_is_stored_later(tmp_path: Path) -> None:
    (tmp_path / "may.csv").write_text("time,a\n1767225600,1\n1767225601,2\n")
    loaded = load(write(tmp_path, RECORDED))
    store_path(loaded).parent.mkdir()
    store_path(loaded).write_text("letters " * 999)
    with pytest.raises(BoxError), Box(loaded):
        pass
    store_path(loaded).unlink()
    with LocalLog.of(log_path(loaded), loaded.config.edge) as log:
        read = log.lane.rows
    loaded = load(write(tmp_path, QUIET))
    with Box(loaded) as box:
        assert box.drained(DEADLINE_S)
        assert sum(device.rows or 0 for device in box.reader.devices()) == read


def test_a_row_names_the_file_beside_its_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "may.csv").write_text("time,a\n1767225600,1\n1767225601,2\n")
    with Box(load(write(tmp_path, RECORDED))) as box:

        def over() -> bool:
            return any(state.state is SourceStatus.ENDED for _, state in box.reader.sources())

        until(over, within_s=DEADLINE_S, what="the end of the recording")
        assert box.drained(DEADLINE_S)
        assert [(d.device, d.rows) for d in box.reader.devices()] == [("d", 2)]
        assert (box.failure(), box.no_room(), box.status().stalled) == ("", "", "")


def test_draining_gives_up_when_the_box_cannot_go_on(tmp_path: Path) -> None:
    must = SERIAL + 'on_start = "fail"\n'
    with Box(load(write(tmp_path, must))) as box:
        until(lambda: bool(box.failure()), within_s=DEADLINE_S, what="the failure")
        assert "source serial-1 could not start" in box.failure()
        assert "source serial-1 could not start" in box.status().notes[-1]
        assert not box.drained(3600.0)


def test_a_disk_without_room_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "may.csv").write_text("time,a\n1767225600,1\n1767225601,2\n")
    config = write(tmp_path, RECORDED)
    config.write_text(config.read_text().replace("[retention]", '[retention]\nmin_free = "900000GB"'))
    loaded = load(config)
    with Box(loaded) as box:
        until(lambda: bool(box.no_room()), within_s=DEADLINE_S, what="the disk to be full")
        assert box.no_room() in box.status().stalled
        assert not box.failure()
    with LocalLog.of(log_path(loaded), loaded.config.edge) as log, DuckStore(path=store_path(loaded)) as store:
        assert (log.lane.waiting, sum(a.stored for a in store.accounts())) == (log.lane.rows, 0)
