from pathlib import Path

import pytest

from models.catalogue.lineage import UnknownThingError
from tests.tocsin.plant import ROWS, Up
from tocsin.reaching.catalogue import accessed, archives, ledger
from tocsin.reaching.reach import ReachError
from wire.settings import load


def configs(running: Up, stopped: Path) -> tuple[Path, Path]:
    return running.config, stopped


def test_a_running_and_a_stopped_box_have_the_same_catalogue(running: Up, stopped: Path) -> None:
    found = []
    for config in configs(running, stopped):
        with accessed(load(config)) as access:
            found.append(access.catalogue())
    for told in found:
        sets = {each.id: each for each in told.sets}
        pump = sets["device:pump-1"]
        assert (pump.rows, pump.columns, pump.source) == (ROWS, 2, "edge edge-1")
        assert pump.quality is not None
        assert pump.quality.missing == {"temperature": 0.0, "current": 0.0}
        limits = {each.name: each.limits for each in told.channels}
        assert limits == {"temperature": {"H": 80.0}, "current": {"H": 20.0}}
    assert found[0].sets[0].digest == found[1].sets[0].digest


def test_the_lineage_of_an_alarm_is_the_same_over_the_api_and_from_the_file(running: Up, stopped: Path) -> None:
    told = []
    for config in configs(running, stopped):
        with accessed(load(config)) as access:
            alarm = next(each for each in access.alarms("pump-1") if each.rule == "limit:temperature:H")
            told.append(access.lineage(alarm.id))
            with pytest.raises(UnknownThingError, match="nothing here is called 'pmp'"):
                access.lineage("pmp")
    assert told[0].made_from == told[1].made_from
    rows, rule = told[0].made_from
    assert (rows.kind, rows.device) == ("rows", "pump-1")
    assert rule.says == "rule limit:temperature:H with limit 80 of the config; no model"


def test_an_export_is_in_the_ledger_of_whoever_wrote_it(stopped: Path, tmp_path: Path) -> None:
    loaded = load(stopped)
    with accessed(loaded) as access:
        rows = access.export("pump-1", tmp_path / "a.csv", form="csv", start_ns=0, end_ns=2**63 - 1)
        (made,) = access.lineage("a.csv").made_from
    (moved,) = ledger(loaded).read()
    assert (moved.rows, moved.device, moved.file) == (rows, "pump-1", str(tmp_path / "a.csv"))
    assert moved.from_ns is not None
    assert (made.id, made.rows) == ("device:pump-1", rows)


def test_a_box_that_never_ran_is_a_sentence(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text('[[edge.sources]]\ntype = "host"\n')
    with pytest.raises(ReachError, match="start the box once"), accessed(load(config)):
        pass


def test_no_archive_is_none_and_a_damaged_one_says_so(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text('archive = "kept"\n[[edge.sources]]\ntype = "host"\n')
    assert archives(load(config)) == []
    manifest = tmp_path / "kept/manifest/p00"
    manifest.mkdir(parents=True)
    (manifest / "00000000000000000000.json").write_text("{")
    (found,) = archives(load(config))
    assert found.says.startswith("cannot be read:")
