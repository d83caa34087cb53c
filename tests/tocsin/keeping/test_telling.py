"""What is told of kept models, with or without a diary."""

from tocsin.keeping.diary import Diary, Page, Ringing, Trained
from tocsin.keeping.telling import kept, notes
from wire.config import Config, ModelRule

RULES = (ModelRule(name="pump", recipe="skab", promote="gate"), ModelRule(name="eol", recipe="bench"))
PAGE = Page(
    ringing=(Ringing("edge", "pump-1", 3, 1, "flow is unlike the training"),),
    last=Trained(2, "refused", "drift", "version 4 is worse"),
    waits="too few rows",
)


def test_each_model_of_the_config_says_who_lets_a_candidate_in_and_what_its_keeper_found() -> None:
    found = kept(Config(models=RULES), Diary({"pump": PAGE, "gone": PAGE}))
    assert found == {
        "pump": "pump-1 drifts: flow is unlike the training; refused: version 4 is worse; too few rows; "
        "a candidate that passes the gate is let in by itself",
        "eol": "a candidate is let in by a person",
    }


def test_what_failed_or_waits_is_noted() -> None:
    assert notes(Diary({"pump": PAGE})) == ("model pump: version 4 is worse", "model pump: too few rows")
    assert notes(Diary()) == ()
