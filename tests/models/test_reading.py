import bz2
import gzip
import lzma
import warnings
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.contract import Task
from models.fitting.training import train
from models.reading.errors import ReadingError
from models.reading.lineage import lineage
from models.reading.records import Records, records
from models.reading.sheets import Sheet, of_frame, paths_of, read
from models.recipe import Columns, Recipe
from models.table import Table
from models.trained import Trained

PLAIN = "time,a,b\n2026-05-01T06:00:00Z,1,2.5\n2026-05-01T06:00:01Z,,4\n"
ANOMALY = Recipe(
    task=Task.ANOMALY, columns=Columns(index=("cycle",), labels=("odd",)), estimator={"kind": "mahalanobis"}
)
OUTCOME = msgspec.structs.replace(ANOMALY, task=Task.OUTCOME, columns=Columns(labels=("result",)))
LIFE = msgspec.structs.replace(ANOMALY, task=Task.LIFE, cap=3.0)


def written(folder: Path, text: str | bytes, name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def of_text(folder: Path, text: str, recipe: Recipe = ANOMALY, *, label: str = "") -> Records:
    return records([read(written(folder, text), recipe.columns)], recipe, label=label)


def sheet(name: str = "rows", /, **columns: object) -> Sheet:
    return of_frame(pd.DataFrame(columns), name, ANOMALY.columns)


def fitted(**columns: object) -> Trained:
    return train(ANOMALY, records([sheet(**columns)], ANOMALY).table, name="pump").model


def _zst(body: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(body, asbytes=True)
    return packed


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, bz2.compress, _zst])
def test_a_file_is_read_packed_or_not_whatever_it_is_called(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    frame = read(written(tmp_path, pack(PLAIN.encode()))).frame
    assert frame["a"].tolist()[0] == 1
    assert frame["b"].tolist() == [2.5, 4.0]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "  "])
def test_what_separates_cells_is_found(separator: str, tmp_path: Path) -> None:
    text = "\n".join(separator.join(row) for row in (["a", "b_c", "d"], ["1", "2", "3"], ["4"] * 3))
    assert read(written(tmp_path, text)).frame.to_dict("list") == {"a": [1, 4], "b_c": [2, 4], "d": [3, 4]}


def test_decimal_commas_are_read_where_another_sign_separates(tmp_path: Path) -> None:
    assert read(written(tmp_path, "a;b\n1,5;2\n2,25;3\n")).frame["a"].tolist() == [1.5, 2.25]


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    text = "0.1234567890123456789"
    assert read(written(tmp_path, f"a,b\n{text},1\n")).frame["a"].tolist() == [float(text)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_names_keep_their_letters_in_every_usual_encoding(encoding: str, tmp_path: Path) -> None:
    frame = read(written(tmp_path, "Öl °C,b\n1,2\n".encode(encoding))).frame
    assert list(frame.columns) == ["Öl °C", "b"]


def test_parquet_is_read_with_a_time_in_its_index(tmp_path: Path) -> None:
    times = pd.date_range("2026-05-01", periods=3, freq="s", tz="UTC")
    pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=times).to_parquet(tmp_path / "rows.parquet")
    got = records([read(tmp_path / "rows.parquet", ANOMALY.columns)], ANOMALY)
    assert got.table.channels == ("a",)
    assert np.diff(got.table.stretches[0].t_ns).tolist() == [10**9, 10**9]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "a header and no rows"),
        ("a,b\n1,2\n\n3\n", "line 4 has 1 cells where the header names 2"),
        ("a,b\n1,2,3\n", "line 2 has 3 cells where the header names 2"),
        ("a,b,a\n1,2,3\n", "line 1 names 'a' more than once"),
        ("1.5,2\n3,4\n", "the first line holds only numbers"),
        (b"\x7fELF\x00\x01\x02", "neither text nor Parquet"),
        (b"PAR1 but no more", "damaged"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-6], "damaged or cut short"),
        (lzma.compress(b"a,b\n1,2\n")[:-6], "damaged or cut short"),
    ],
)
def test_a_file_that_is_no_table_is_told_by_name_and_line(body: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match=r"rows\.csv.*" + said):
        read(written(tmp_path, body))


def test_a_folder_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(ReadingError, match="cannot be read: No such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(ReadingError, match="no file matches"):
        paths_of([str(tmp_path / "*.csv")])


def test_globs_and_paths_name_each_file_once(tmp_path: Path) -> None:
    first, second = written(tmp_path, PLAIN, "a.csv"), written(tmp_path, PLAIN, "b.csv")
    assert paths_of([second, str(tmp_path / "*.csv")]) == [second, first]


@pytest.mark.parametrize(
    "cells",
    [
        ["1777615200", "1777615201"],
        ["1777615200000", "1777615201000"],
        ["1777615200000000", "1777615201000000"],
        ["1777615200000000000", "1777615201000000000"],
        ["1777615200.0", "1777615201.0"],
        ["2026-05-01T06:00:00Z", "2026-05-01T06:00:01Z"],
        ["2026-05-01 06:00:00", "2026-05-01 06:00:01"],
        ["2026-05-01 08:00:00+02:00", "2026-05-01 08:00:01 +02:00"],
        ["2026/05/01 06:00:00", "2026/05/01 06:00:01"],
    ],
)
def test_times_are_read_as_they_are_usually_written(cells: list[str], tmp_path: Path) -> None:
    text = "time,a\n" + "".join(f"{cell},1\n" for cell in cells)
    assert of_text(tmp_path, text).table.stretches[0].t_ns.tolist() == [1777615200 * 10**9, 1777615201 * 10**9]


@pytest.mark.parametrize("cell", ["05/01/2026 06:00", "01.05.2026 06:00", "yesterday", ""])
def test_a_doubtful_time_is_refused_with_its_row(cell: str, tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match=r"column 'time', row 2: .*"):
        of_text(tmp_path, f"time,a\n2026-05-01,1\n{cell},1\n")


def test_a_count_stands_as_seconds_and_is_kept_as_written(tmp_path: Path) -> None:
    got = of_text(tmp_path, "cycle,a\n1,5\n2,6\n4,7\n")
    assert got.table.stretches[0].t_ns.tolist() == [10**9, 2 * 10**9, 4 * 10**9]
    assert got.keys.to_dict("list") == {"cycle": [1, 2, 4]}


def test_rows_are_sorted_within_their_group_and_it_is_said(tmp_path: Path) -> None:
    got = of_text(tmp_path, "time,device,a\n3,p,1\n1,p,2\n1,p,3\n2,q,4\n")
    by_name = {stretch.name: stretch.rows[:, 0].tolist() for stretch in got.table.stretches}
    assert by_name == {"p": [2.0, 3.0, 1.0], "q": [4.0]}
    assert [places.tolist() for places in got.places] == [[1, 2, 0], [3]]
    assert any("were sorted" in note for note in got.warnings)


def test_groups_are_joint_keys_and_text_keys_stay_text(tmp_path: Path) -> None:
    got = of_text(tmp_path, "unit,run,a\n007,1,1\n007,2,2\n008,1,3\n")
    assert [stretch.name for stretch in got.table.stretches] == ["007/1", "007/2", "008/1"]
    assert got.keys["unit"].tolist() == ["007", "007", "008"]
    assert got.keys["run"].tolist() == [1, 2, 1]


def test_each_file_is_a_stretch_of_its_own_where_no_column_groups() -> None:
    got = records([sheet("may", a=[1.0, 2.0]), sheet("june", a=[3.0])], ANOMALY)
    assert [(each.name, len(each.t_ns)) for each in got.table.stretches] == [("may", 2), ("june", 1)]


def test_equal_keys_of_two_files_are_one_unit_only_where_their_times_follow() -> None:
    may, june = sheet("may", unit=[1, 1], cycle=[1, 2], a=[1.0, 2.0]), sheet("june", unit=[1], cycle=[3], a=[3.0])
    other = sheet("other", unit=[1, 1], cycle=[1, 2], a=[8.0, 9.0])
    assert [each.name for each in records([may, june], ANOMALY).table.stretches] == ["1"]
    assert [each.name for each in records([may, other], ANOMALY).table.stretches] == ["may/1", "other/1"]


def test_every_column_that_is_named_nowhere_is_a_channel(tmp_path: Path) -> None:
    recipe = msgspec.structs.replace(ANOMALY, columns=Columns(labels=("odd", "late"), ignore=("part", "x*")))
    got = of_text(tmp_path, "time,device,odd,late,part,x1,a [K],b\n1,p,0,0,7,8,9,10\n2,p,1,0,7,8,9,11\n", recipe)
    assert got.table.channels == ("a [K]", "b")
    assert got.label == "odd"
    assert got.table.labels().tolist() == [0.0, 1.0]


def test_a_label_that_is_asked_for_is_used_and_the_others_are_no_channels(tmp_path: Path) -> None:
    got = of_text(tmp_path, "time,odd,mine,a\n1,0,1,9\n2,0,0,9\n", label="mine")
    assert (got.table.channels, got.table.labels().tolist()) == (("a",), [1.0, 0.0])
    with pytest.raises(ReadingError, match="there is no column 'none'; there are time, odd, mine, a"):
        of_text(tmp_path, "time,odd,mine,a\n1,0,1,9\n", label="none")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0", "1"], [0.0, 1.0]),
        (["0.0", "1.0"], [0.0, 1.0]),
        (["true", "False"], [1.0, 0.0]),
        (["normal", "Anomaly"], [0.0, 1.0]),
        (["", "1"], [np.nan, 1.0]),
        (["0", "7"], [0.0, 1.0]),
    ],
)
def test_what_is_odd_is_said_in_numbers_or_words(cells: list[str], expected: list[float], tmp_path: Path) -> None:
    got = of_text(tmp_path, "a,odd\n" + "".join(f"1,{cell}\n" for cell in cells))
    np.testing.assert_array_equal(got.table.labels(), expected)


@pytest.mark.parametrize("cell", ["-1", "perhaps"])
def test_a_label_that_may_mean_either_is_refused(cell: str, tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match="column 'odd'"):
        of_text(tmp_path, f"a,odd\n1,{cell}\n2,{cell}\n")


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["0", "1"], ("0", "1")),
        (["1", "-1"], ("-1", "1")),
        (["pass", "fail"], ("pass", "fail")),
        (["True", "False"], ("False", "True")),
        (["100", "20", "3"], ("3", "20", "100")),
    ],
)
def test_classes_are_sorted_and_the_failure_comes_last(
    cells: list[str], classes: tuple[str, ...], tmp_path: Path
) -> None:
    got = of_text(tmp_path, "unit,a,result\n" + "".join(f"{i},1,{cell}\n" for i, cell in enumerate(cells)), OUTCOME)
    assert got.table.classes == classes
    assert [classes[int(at)] for at in got.table.labels()] == cells


WEIGHED = msgspec.structs.replace(
    OUTCOME, columns=Columns(time=("t",), group=("station",), labels=("result",), weight=("weight",), unit_rows=True)
)


def test_a_row_stands_for_as_many_as_its_weight_says_and_without_one_for_itself(tmp_path: Path) -> None:
    text = "t,station,weight,a,result\n3,s1,20,1,pass\n1,s1,,2,fail\n2,s2,0.5,3,pass\n"
    table = of_text(tmp_path, text, WEIGHED).table
    assert table.channels == ("a",)
    assert table.weights().tolist() == [1.0, 20.0, 0.5]
    assert [stretch.rows[:, 0].tolist() for stretch in table.stretches] == [[2.0, 1.0], [3.0]]
    assert table.stretches[0].part(slice(1, 2)).weight == 20.0
    assert of_text(tmp_path, text.replace("weight,", "c,"), WEIGHED).table.weights().tolist() == [1.0] * 3


@pytest.mark.parametrize("cell", ["0", "-1", "many", "inf"])
def test_a_weight_that_is_no_number_above_0_is_refused(cell: str, tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match="how many units like it each row stands for"):
        of_text(tmp_path, f"t,station,weight,a,result\n1,s1,1,1,pass\n2,s1,{cell},2,fail\n", WEIGHED)


def test_each_labelled_row_without_a_key_is_a_unit_of_its_own(tmp_path: Path) -> None:
    got = of_text(tmp_path, "a,result\n1,0\n2,1\n3,0\n", OUTCOME)
    assert [stretch.name for stretch in got.table.stretches] == ["row 1", "row 2", "row 3"]


def test_units_stand_in_the_order_of_their_times(tmp_path: Path) -> None:
    got = of_text(tmp_path, "unit,time,a,result\nx,30,1,0\ny,10,2,1\nz,20,3,0\n", OUTCOME)
    assert [stretch.name for stretch in got.table.stretches] == ["y", "z", "x"]
    assert [places.tolist() for places in got.places] == [[1], [2], [0]]


def test_life_that_nobody_labelled_is_what_is_left_until_the_last_row_at_most_the_cap(tmp_path: Path) -> None:
    got = of_text(tmp_path, "unit,cycle,a\n1,1,0\n1,3,0\n1,6,0\n2,1,0\n2,2,0\n", LIFE)
    assert got.table.labels().tolist() == [3.0, 3.0, 0.0, 1.0, 0.0]


def test_texts_are_categories_that_a_model_remembers(tmp_path: Path) -> None:
    text = "a,kind\n" + "".join(f"{at % 7},{'HLM'[at % 3]}\n" for at in range(60))
    learnt = of_text(tmp_path, text)
    assert learnt.table.words == {"kind": ("H", "L", "M")}
    assert learnt.table.stacked()[:4, 1].tolist() == [0.0, 1.0, 2.0, 0.0]
    model = train(ANOMALY, learnt.table, name="mill").model
    new = records([sheet(kind=["M", "X", None], a=[1, 2, 3])], ANOMALY, model=model, labelled=False)
    np.testing.assert_array_equal(new.table.stacked(), [[1.0, 2.0], [2.0, np.nan], [3.0, np.nan]])
    assert new.warnings == ("'kind': 'X' unknown to the model and taken as missing",)


def test_a_few_words_among_numbers_are_missing_values(tmp_path: Path) -> None:
    got = of_text(tmp_path, "a,b\n1,5\nerror,6\n3,7\n4,inf\n")
    np.testing.assert_array_equal(got.table.stacked(), [[1, 5], [np.nan, 6], [3, 7], [4, np.nan]])
    assert got.warnings == ("'a': 'error' taken as missing",)


def test_what_is_no_measurement_is_left_out_and_said(tmp_path: Path) -> None:
    rows = "".join(f"{at},{at * at % 7},serial-{at},2026-05-01 06:{at:02}:00\n" for at in range(20))
    got = of_text(tmp_path, ",a,serial,when\n" + rows)
    assert got.table.channels == ("a",)
    assert len(got.warnings) == 3
    assert {note.split("'")[1] for note in got.warnings if "'" in note} == {"serial", "when"}


def test_a_channel_that_only_counts_up_is_told_of(tmp_path: Path) -> None:
    got = of_text(tmp_path, "row,a\n" + "".join(f"{at},{at * at % 7}\n" for at in range(20)))
    assert [note for note in got.warnings if "counting up" in note] == [
        "row: only counting up; --ignore what does not tell of the machine"
    ]


def test_a_model_takes_its_channels_by_name_and_says_what_is_missing_or_new() -> None:
    model = fitted(a=np.arange(40.0) % 7, b=np.arange(40.0) % 5)
    got = records([sheet(c=[1.0, 2.0], b=[3.0, 4.0])], ANOMALY, model=model, labelled=False)
    np.testing.assert_array_equal(got.table.stacked(), [[np.nan, 3.0], [np.nan, 4.0]])
    assert got.warnings == ("a: not in the data, taken as missing", "c: unknown to pump, ignored")
    with pytest.raises(ReadingError, match="none of the channels of pump is in rows: it knows a, b; there are c"):
        records([sheet(c=[1.0])], ANOMALY, model=model, labelled=False)


def test_frames_are_left_as_they_were_and_their_index_may_be_the_time() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.date_range("2026-05-01", periods=2, freq="min", name="time"))
    before = frame.copy(deep=True)
    got = records([of_frame(frame, "mine", ANOMALY.columns)], ANOMALY)
    pd.testing.assert_frame_equal(frame, before)
    assert got.table.channels == ("a",)
    assert got.timed
    with pytest.raises(ReadingError, match="has no rows"):
        of_frame(frame.iloc[:0], "mine")


def test_any_table_that_is_read_fits_together(tmp_path: Path) -> None:
    got = of_text(tmp_path, "device,time,a\nq,2,1\np,1,2\nq,1,3\n")
    table: Table = got.table
    assert sorted(np.concatenate(got.places).tolist()) == [0, 1, 2]
    assert table.rows == got.rows == len(got.keys)
    assert list(got.keys.columns) == ["device", "time"]


def test_what_is_scored_and_often_not_there_is_told_of() -> None:
    model = fitted(a=np.arange(40.0) % 7, b=np.arange(40.0) % 5, c=np.arange(40.0) % 3)
    shown = sheet(a=[1.0, None] * 10, b=np.arange(20.0), c=[None] * 20)
    assert records([shown], ANOMALY, model=model, labelled=False).warnings == (
        "c: not a single number in the data, taken as missing",
        "a: often missing (up to 50%); last values stand in, which may ring",
    )


def test_a_time_that_is_missing_is_named_by_its_row(tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match="row 2: the time is missing"):
        of_text(tmp_path, "time,a\n2026-05-01T06:00:00Z,1\n,2\n")


def test_rows_of_one_time_are_told_of_as_a_forgotten_key(tmp_path: Path) -> None:
    got = of_text(tmp_path, "time,a\n" + "".join(f"2026-05-01T06:00:{at // 4:02}Z,{at * at % 7}\n" for at in range(40)))
    assert any("30 rows have the same 'time'" in note for note in got.warnings)


def test_a_table_without_any_channel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadingError, match="no column of rows is a channel"):
        of_text(tmp_path, "time\n2026-05-01T06:00:00Z\n")


def test_an_absurd_value_is_read_without_a_word_of_numpy(tmp_path: Path) -> None:
    text = "a\n" + "".join(f"{at * at % 7}\n" for at in range(20)) + "1e308\n-1e308\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not of_text(tmp_path, text).warnings


def test_what_a_training_rested_on_is_counted_by_units_and_not_by_the_stations_they_were_on() -> None:
    rows = {"station": ["b1", "b1", "b2", "b2"], "x": [1.0, 2.0, 3.0, 4.0], "result": ["pass", "fail", "pass", "pass"]}
    columns = Columns(group=("station",), labels=("result",), unit_rows=True)
    by_row = msgspec.structs.replace(OUTCOME, columns=columns)
    by_group = msgspec.structs.replace(OUTCOME, columns=msgspec.structs.replace(columns, unit_rows=False))
    sheets = [sheet(**rows)]
    told = [lineage(sheets, records(sheets, each), each).counts for each in (by_row, by_group)]
    assert told == [{"pass": 3, "fail": 1}, {"pass": 1, "fail": 1}]
