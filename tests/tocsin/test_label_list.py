"""What people said of runs is found among the outcomes of the tests themselves."""

import json
from pathlib import Path

from tests.tocsin.hall import free_port, running, until
from tests.tocsin.plant import tocsin

CONFIG = """
[[edge.sources]]
type = "host"
[console]
listen = "127.0.0.1:{page}"
"""


def test_outcomes_of_tests_do_not_bury_what_people_said(tmp_path: Path) -> None:
    config = tmp_path / "tocsin.toml"
    config.write_text(CONFIG.format(page=free_port()))

    def listed(*words: str) -> str:
        result = tocsin("data", "label", "--list", *words, "-c", config)
        assert result.exit_code == 0, result.output
        return result.stdout

    with running(config) as there:
        there.base = there.box.serve()
        for run in ("r1", "r2"):
            start = {"run": run, "unit": run, "procedure": "EOL", "version": "1", "station": "b1"}
            there.api.post("runs", start)
            there.api.post(f"runs/{run}/end", {"outcome": "pass"})
        there.api.post("labels", {"run": "r1", "meaning": "fail", "who": "Ada"})
        until(lambda: len(there.box.reader.labels()) == 3, "all labels")
    assert listed().splitlines()[1:] == ["and 2 outcomes of runs: --who test shows them"]
    assert listed().splitlines()[0].endswith("  Ada")
    assert [line.rsplit(maxsplit=1)[-1] for line in listed("--run", "r1").splitlines()] == ["Ada", "test"]
    assert len(listed("--who", "test").splitlines()) == 2
    assert listed("--who", "Bo") == "Bo has labelled nothing yet\n"
    assert [each["who"] for each in json.loads(listed("--who", "Ada", "--json"))] == ["Ada"]
    assert len(json.loads(listed("--json"))) == 3
