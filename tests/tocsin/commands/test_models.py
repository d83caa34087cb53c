import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from models.recipe import load
from tests.tocsin import bench
from tests.tocsin.plant import tocsin
from tocsin.commands.data_option import spelt_out
from tocsin.commands.progress import Progress


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with recipes and recordings; no registry is named, nothing is tracked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_REGISTRY", raising=False)
    monkeypatch.setenv("TOCSIN_MLFLOW", "off")
    for name, text in (("anomaly", bench.ANOMALY), ("life", bench.LIFE), ("outcome", bench.OUTCOME)):
        Path(f"{name}.toml").write_text(text)
    Path("online.toml").write_text(bench.ONLINE)
    return tmp_path


def normal(name: str = "may.csv", seed: int = 1) -> Path:
    return bench.put(Path(name), bench.pump(seed=seed).drop(columns="fault"))


def worn(name: str = "june.csv") -> Path:
    return bench.put(Path(name), bench.pump(worn_from=400))


def done(*words: str | Path, code: int = 0) -> Result:
    result = tocsin(*words)
    assert result.exit_code == code, result.output
    return result


def told(*words: str | Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(done(*words, "--json").stdout)
    return found


def test_from_a_csv_to_scores_with_nothing_else_running() -> None:
    trained = done("train", "anomaly.toml", "--data", normal(), "--name", "pump")
    assert "pump@1: anomaly, mahalanobis, from 600 rows in 1 stretches, 5 channels" in trained.stdout
    assert "stored in data/models/pump/1" in trained.stdout
    scored = done("score", "pump", "--data", worn(), "--out", "scores.csv")
    assert scored.stdout.startswith("scores.csv: 600 rows, ")
    assert "fault" not in scored.stderr
    table = pd.read_csv("scores.csv")
    channels = [name for name in bench.pump(rows=1).columns if name not in {"time", "fault"}]
    assert list(table.columns) == [
        "time", "score", "threshold", "alarm", *(f"contribution_{name}" for name in channels),
    ]  # fmt: skip
    assert table["time"].tolist() == pd.read_csv("june.csv")["time"].tolist()
    assert table["alarm"][420:].mean() > 0.9
    assert table["alarm"][:400].mean() < 0.05
    worst = table[420:].filter(like="contribution_").mean().idxmax()
    assert worst == "contribution_vibration_rms"


def test_scores_of_the_first_rows_are_those_of_the_whole_file() -> None:
    done("train", "anomaly.toml", "--data", normal(), "--name", "pump")
    frame = bench.pump(worn_from=400)
    bench.put(Path("whole.csv"), frame)
    bench.put(Path("first.csv"), frame[:430])
    done("score", "pump", "--data", "whole.csv", "--out", "whole_scores.csv")
    done("score", "pump", "--data", "first.csv", "--out", "first_scores.csv")
    assert Path("whole_scores.csv").read_text().startswith(Path("first_scores.csv").read_text())


def test_the_same_training_gives_the_same_scores() -> None:
    data = (normal(), normal("second.csv", seed=2))
    for _ in range(2):
        done("train", "anomaly.toml", "--data", *data, "--name", "pump")
    for version in (1, 2):
        done("score", f"pump@{version}", "--data", worn(), "--out", f"{version}.csv")
    assert Path("1.csv").read_bytes() == Path("2.csv").read_bytes()


def test_results_are_written_as_parquet_too_and_never_in_part() -> None:
    done("train", "anomaly.toml", "--data", normal(), "--name", "pump")
    answer = told("score", "pump", "--data", worn(), "--out", "scores.parquet")
    table = pd.read_parquet("scores.parquet")
    assert answer["rows"] == len(table) == 600
    assert answer["alarm_rows"] == table["alarm"].sum()
    assert "name a file that ends in" in done("score", "pump", "--data", "june.csv", "--out", "x.txt", code=2).stderr
    assert "no folder" in done("score", "pump", "--data", "june.csv", "--out", "no/x.csv", code=2).stderr
    assert sorted(path.name for path in Path().glob("*.part")) == []


def test_an_evaluation_stands_beside_what_trivial_callers_reach() -> None:
    done("train", "anomaly.toml", "--data", normal(), "--name", "pump")
    figures = told("evaluate", "pump", "--data", worn())
    assert figures["rows"] == 600
    assert figures["events_found"] == 1
    assert float(str(figures["f1"])) > 0.9
    assert figures["beside"] == {"all_ones_f1": pytest.approx(0.5), "random_ap": pytest.approx(1 / 3)}
    plain = done("evaluate", "pump", "--data", "june.csv").stdout
    assert "pump@1 on 600 labelled rows" in plain
    assert "F1 of always ringing" in plain
    unlabelled = done("evaluate", "pump", "--data", "may.csv", code=1)
    assert "no row has a label" in unlabelled.stderr


def test_a_label_by_another_name_is_found_again_when_the_model_is_used() -> None:
    bench.put(Path("mine.csv"), bench.pump(worn_from=400).rename(columns={"fault": "broken"}))
    trained = done("train", "anomaly.toml", "--data", "mine.csv", "--name", "pump", "--label", "broken")
    assert "200 rows are labelled as anomalous" in trained.stderr
    assert "broken" not in done("score", "pump", "--data", "mine.csv", "--out", "scores.csv").stderr
    assert told("evaluate", "pump", "--data", "mine.csv")["events"] == 1


def test_versions_are_listed_shown_compared_and_promoted() -> None:
    data = normal()
    done("train", "anomaly.toml", "--data", data, "--name", "pump", "--owner", "Ada")
    Path("slow.toml").write_text(bench.ANOMALY.replace("rows = 10", "rows = 60"))
    done("train", "slow.toml", "--data", data, "--name", "pump")
    listed = json.loads(done("models", "list", "--json").stdout)
    assert [(each["name"], each["version"], each["aliases"]) for each in listed] == [
        ("pump", 2, {"candidate": 2, "champion": 1})
    ]
    shown = done("models", "show", "pump").stdout
    assert "pump@1 (champion)" in shown
    assert "by Ada" in shown
    assert 'kind = "mahalanobis"' in shown
    compared = done("models", "compare", "pump@1", "pump@2", "--data", worn())
    head, *lines = compared.stdout.splitlines()
    assert head.split() == ["pump@1", "pump@2"]
    (f1,) = [line for line in lines if line.startswith("F1 ")]
    assert f1.count("*") == 1
    both = told("models", "compare", "pump@1", "pump@2", "--data", "june.csv")
    assert set(both) == {"pump@1", "pump@2"}
    assert done("models", "promote", "pump@candidate").stdout == "pump@2 is the champion\n"
    assert "pump@2 (champion, candidate)" in done("models", "show", "pump").stdout.replace(
        "candidate, champion", "champion, candidate"
    )
    assert "say which version" in done("models", "promote", "pump", code=2).stderr


def test_a_model_of_units_says_how_many_passed_and_failed_and_does_not_bury_it_under_channels() -> None:
    rng = np.random.default_rng(3)
    table = pd.DataFrame(rng.normal(size=(60, 15)), columns=[f"c{number:02d}" for number in range(15)])
    table["result"] = np.where(table["c00"] > 0.5, "fail", "pass")
    failed = int((table["result"] == "fail").sum())
    done("train", "outcome.toml", "--data", bench.put(Path("units.csv"), table), "--name", "line", "--label", "result")
    shown = dict(line.split(maxsplit=1) for line in done("models", "show", "line").stdout.split("\n\n")[0].splitlines())
    assert shown["label"] == f"result ({60 - failed} pass, {failed} fail)"
    assert shown["channels"].endswith(", c11 and 3 more")


def test_a_damaged_model_hides_no_other_from_the_list() -> None:
    for name in ("broken", "pump"):
        done("train", "anomaly.toml", "--data", normal(), "--name", name)
    Path("data/models/broken/1/manifest.json").write_text("{")
    listed = done("models", "list", code=1)
    assert "pump" in listed.stdout
    assert "broken/1/manifest.json" in listed.stderr
    assert [each["name"] for each in json.loads(done("models", "list", "--json", code=1).stdout)] == ["pump"]


def test_models_lie_where_the_environment_or_the_config_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no model in data/models" in done("models", "list").stdout
    Path("tocsin.toml").write_text('registry = "folder:store/mine"\n[[edge.sources]]\ntype = "host"\n')
    done("train", "anomaly.toml", "--data", normal(), "--name", "pump")
    assert Path("store/mine/pump/1/manifest.json").is_file()
    monkeypatch.setenv("TOCSIN_REGISTRY", str(tmp_path / "elsewhere"))
    assert "elsewhere" in done("models", "list").stdout


def test_a_shipped_recipe_works_where_its_name_is_all_that_is_said() -> None:
    for name in ("skab", "skab.toml", "models/recipes/skab.toml"):
        done("train", name, "--data", normal(), "--name", "pump")
    assert "pump@2" in done("models", "show", "pump@2").stdout


def test_life_is_told_with_its_interval_as_it_would_have_been_live() -> None:
    bench.put(Path("run.csv"), bench.engines(20))
    bench.put(Path("new.csv"), bench.engines(6, seed=1))
    trained = done("train", "life.toml", "--data", "run.csv", "--name", "engine", "--validate")
    assert "no label column" in trained.stderr
    assert "on rows held out in turn:" in trained.stdout
    figures = told("evaluate", "engine", "--data", "new.csv")
    assert float(str(figures["rmse"])) < 5.0
    assert 0.7 < float(str(figures["coverage"])) <= 1.0
    done("score", "engine", "--data", "new.csv", "--out", "lives.csv")
    table = pd.read_csv("lives.csv")
    assert list(table.columns[:8]) == [
        "unit", "cycle", "life", "life_low", "life_high", "score", "threshold", "alarm",
    ]  # fmt: skip
    assert (table["life_low"] <= table["life"]).all()
    assert (table["life"] <= table["life_high"]).all()
    assert table["life"].max() <= 60.0


def test_a_unit_gets_one_call_and_its_first_rows_give_the_call_of_then() -> None:
    bench.put(Path("line.csv"), bench.units(120))
    new = bench.units(30, seed=1)
    bench.put(Path("new.csv"), new)
    bench.put(Path("early.csv"), new[new["second"] < 2].drop(columns=["result", "grade"]))
    done("train", "outcome.toml", "--data", "line.csv", "--name", "line", "--label", "result")
    done("score", "line", "--data", "new.csv", "--out", "calls.csv")
    calls = pd.read_csv("calls.csv")
    assert list(calls.columns[:6]) == ["unit", "second", "p_fail", "score", "threshold", "alarm"]
    assert calls["unit"].tolist() == list(range(1000, 1030))
    figures = told("evaluate", "line", "--data", "new.csv")
    assert figures["units"] == 30
    assert float(str(figures["roc_auc"])) > 0.9
    done("score", "line", "--data", "early.csv", "--out", "early_calls.csv")
    assert set(pd.read_csv("early_calls.csv")["second"]) == {1}


def test_grades_are_predicted_and_a_new_word_is_missing() -> None:
    bench.put(Path("line.csv"), bench.units(150))
    done("train", "outcome.toml", "--data", "line.csv", "--name", "line", "--label", "grade")
    new = bench.units(40, seed=1).replace({"kind": {"long": "huge"}})
    bench.put(Path("new.csv"), new)
    scored = done("score", "line", "--data", "new.csv", "--out", "calls.csv")
    assert "'kind': 'huge' unknown to the model" in scored.stderr
    calls = pd.read_csv("calls.csv")
    assert list(calls.columns[:6]) == ["unit", "second", "predicted", "p_0", "p_10", "p_20"]
    truth = new.groupby("unit")["grade"].last().to_numpy()
    assert (calls["predicted"].to_numpy() == truth).mean() > 0.7


def test_a_recipe_of_task_online_needs_no_training() -> None:
    done("score", "online.toml", "--data", worn(), "--out", "scores.csv")
    table = pd.read_csv("scores.csv")
    assert table["score"].notna().sum() > 300
    assert table["alarm"][400:].max() == 1
    assert told("evaluate", "online.toml", "--data", "june.csv", "--label", "fault")["events"] == 1
    refused = done("train", "online.toml", "--data", "june.csv", "--name", "pump", code=1)
    assert "learns by itself" in refused.stderr


def test_a_search_is_told_resumed_and_its_recipe_can_be_kept() -> None:
    frames = [bench.pump(seed=seed, rows=300, worn_from=200) for seed in range(3)]
    data = [bench.put(Path(f"{at}.csv"), frame) for at, frame in enumerate(frames)]
    words: tuple[str | Path, ...] = ("train", "anomaly.toml", "--data", *data, "--name", "pump", "--label", "fault")
    first = told(*words, "--search", "3")["search"]
    again = done(*words, "--search", "5", "--save-recipe", "best.toml")
    assert isinstance(first, dict)
    assert (first["trials"], first["resumed"]) == (3, 0)
    assert "search: 5 of 5" in again.stderr
    assert "search: 5 trials (3 of them before)" in again.stdout
    kept = load("best.toml")
    assert (
        kept.features[0]["rows"]
        == json.loads(Path("data/models/pump/2/manifest.json").read_text())["recipe"]["features"][0]["rows"]
    )
    assert Path("data/models/pump/search.log").is_file()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("train", "none.toml", "--data", "may.csv", "--name", "pump"), 2, "no recipe 'none.toml'"),
        (("train", "anomaly.toml", "--data", "none.csv", "--name", "pump"), 1, "none.csv cannot be read"),
        (("train", "anomaly.toml", "--data", ".", "--name", "pump"), 1, "is a folder"),
        (("train", "anomaly.toml", "--data", "*.tsv", "--name", "pump"), 1, "no file matches"),
        (("train", "anomaly.toml", "--data", "may.csv", "--name", "../x"), 1, "no name for a model"),
        (("train", "anomaly.toml", "--data", "may.csv", "--name", ""), 2, "--name is empty"),
        (("train", "latin.toml", "--data", "may.csv", "--name", "pump"), 2, "not text in UTF-8"),
        (("train", "anomaly.toml", "--data", "may.csv", "--name", "pump", "--label", "x"), 1, "there is no column 'x'"),
        (("train", "anomaly.toml", "--data", "few.csv", "--name", "pump"), 1, "3 rows are too few"),
        (("train", "anomaly.toml", "--data", "may.csv", "--name", "pump", "--search", "3"), 1, "no row is labelled"),
        (("train", "anomaly.toml", "--data", "may.csv", "--name", "pump", "--validate"), 1, "no row is labelled"),
        (("train", "outcome.toml", "--data", "passed.csv", "--name", "line"), 1, "every label says 'pass'"),
        (("train", "anomaly.toml", "--name", "pump"), 2, "Missing option '--data'"),
        (("score", "none", "--data", "may.csv", "--out", "x.csv"), 1, "has no model 'none'"),
        (("score", "anomaly.toml", "--data", "may.csv", "--out", "x.csv"), 1, "train a model first"),
        (("evaluate", "none@2", "--data", "may.csv"), 1, "has no model 'none'"),
        (("models", "show", "none"), 1, "has no model 'none'"),
        (("models", "compare", "a", "b", "--data", "may.csv"), 1, "has no model 'a'"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_a_code(words: tuple[str, ...], code: int, said: str) -> None:
    normal()
    bench.put(Path("few.csv"), bench.pump(rows=3))
    Path("latin.toml").write_bytes(b"task = \xffanomaly")
    bench.put(Path("passed.csv"), bench.units(40).assign(result="pass"))
    result = done(*words, code=code)
    assert said in result.stderr
    assert "Traceback" not in result.output
    assert not Path("x.csv").exists()


def test_models_of_different_tasks_are_not_compared() -> None:
    done("train", "anomaly.toml", "--data", normal(), "--name", "pump")
    bench.put(Path("run.csv"), bench.engines(20))
    done("train", "life.toml", "--data", "run.csv", "--name", "engine")
    assert "answer different questions" in done("models", "compare", "pump", "engine", "--data", worn(), code=1).stderr


def test_garbage_in_training_is_told_of_and_scores_are_numbers_all_the_same() -> None:
    frame = bench.pump(seed=3)
    rng = np.random.default_rng(0)
    holes = rng.random(frame.shape) < 0.2
    holes[:, 0] = False
    frame = frame.assign(still=5.0, flow_rate=frame[frame.columns[1]]).mask(np.pad(holes, ((0, 0), (0, 2))))
    bench.put(Path("bad.csv"), pd.concat([frame, frame.tail(200)]))
    trained = done("train", "anomaly.toml", "--data", "bad.csv", "--name", "pump", "--ignore", "fault")
    assert "still never moved" in trained.stderr
    assert "often missing" in trained.stderr
    done("score", "pump", "--data", worn(), "--out", "scores.csv")
    assert pd.read_csv("scores.csv")["score"][10:].notna().all()


def test_several_files_after_data_are_all_data() -> None:
    flags = {"--json"}
    assert spelt_out(["n", "--json", "--data", "a", "b", "--out=o"], flags) == [
        "n", "--json", "--data", "a", "--data", "b", "--out=o",
    ]  # fmt: skip
    assert spelt_out(["--name", "n", "--data", "a", "skab"], flags) == ["--name", "n", "--data", "a", "skab"]


class Terminal(io.StringIO):
    """One that somebody watches."""

    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_and_few_plain_lines_elsewhere() -> None:
    now = iter([0.0, 5.0, 11.0, 12.0])
    lines = io.StringIO()
    quiet = Progress("search", out=lines, clock_s=lambda: next(now))
    for done_now in range(1, 5):
        quiet.say(done_now, 4, "best 0.5")
    assert lines.getvalue().splitlines() == [f"search: {at} of 4 best 0.5" for at in (1, 3, 4)]
    screen = Terminal()
    bar = Progress("search", out=screen)
    bar.say(1, 2)
    bar.say(2, 2)
    assert screen.getvalue().count("\r") == 2
    assert screen.getvalue().endswith("\n")
