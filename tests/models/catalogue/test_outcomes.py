"""A run ended as its newest label that stands says."""

import msgspec

from models.catalogue.outcomes import judged
from tests.models.catalogue.plant import label, run
from wire.messages import Label


def said(id_: str, of: str, meaning: str, at: int, *, gone: str = "") -> Label:
    return msgspec.structs.replace(label(id_, run=of, gone=gone), meaning=meaning, at_ns=at)


def ends(*labels: Label) -> dict[str, tuple[str, str]]:
    runs = [run("whole", state="pass"), run("stopped", state="aborted"), run("on", state="running")]
    return {ended.run: (ended.state, by.id) for ended, by in judged(runs, labels)}


def test_what_a_person_says_later_stands_above_the_test() -> None:
    assert ends(said("b", "whole", "fail", 9), said("a", "whole", "pass", 1)) == {"whole": ("fail", "b")}


def test_a_label_that_was_taken_back_says_nothing() -> None:
    assert ends(said("a", "whole", "pass", 1), said("b", "whole", "fail", 9, gone="Bob")) == {"whole": ("pass", "a")}
    assert ends(said("a", "whole", "pass", 1, gone="Bob")) == {}


def test_a_stopped_run_ended_only_as_somebody_found() -> None:
    assert ends() == {}
    assert ends(said("a", "stopped", "pass", 1)) == {"stopped": ("pass", "a")}


def test_what_goes_on_and_what_is_no_test_have_no_end() -> None:
    assert ends(said("a", "on", "fail", 1), said("b", "whole", "maintenance", 2)) == {}
