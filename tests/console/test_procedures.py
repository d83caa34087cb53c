"""What the page of runs asks of its store."""

from collections.abc import Mapping, Sequence

from dashboards.console.pages.runs import procedures
from dashboards.console.procedures import Switched, live, standings
from tests.console.fakes import Plant
from tests.store.benches import advice, label, over, run
from wire.config import Procedure
from wire.messages import Advice, Role, Run


class Counting(Plant):
    """Counts the questions about advice."""

    asked = 0

    def advice(self, edge: str, run: str, role: Role = "champion") -> list[Advice]:
        self.asked += 1
        return super().advice(edge, run, role)

    def newest(self, runs: Sequence[Run]) -> Mapping[tuple[str, str], Advice]:
        self.asked += 1
        return super().newest(runs)


def test_the_runs_that_go_on_and_all_procedures_are_each_asked_about_once_however_many_there_are() -> None:
    plant = Counting()
    for number in range(200):
        one = run(f"r{number}", procedure=f"p{number % 20}", number=number)
        plant.tested[one.edge, one.run] = one
        plant.advised += [advice(one.run, f"S{done:02d}", done, needed=number) for done in (2, 1)]
    going = live(plant)
    assert plant.asked == 1
    assert {(of.advice.run == of.run.run, of.advice.done) for of in going if of.advice is not None} == {(True, 2)}
    assert len(going) == 200
    found = standings(plant, lambda name: Procedure(match=name))
    assert plant.asked == 2
    assert [one.needed for one in found if one.name == "p7"] == [187]


def test_a_run_that_has_only_just_begun_hides_no_word_on_the_one_before() -> None:
    plant = Plant()
    for one in (over("r1", "pass"), run("r2", number=1)):
        plant.tested[one.edge, one.run] = one
    plant.advised = [advice("r1", "S40", 40, mode="on", model="eol", model_version=3)]
    (found,) = standings(plant, lambda name: Procedure(match=name))
    assert (found.mode, found.model) == ("on", ("eol", 3))


def test_a_word_on_a_step_after_the_switch_counts_for_more_than_the_switch() -> None:
    plant = Plant()
    plant.tested = {(one.edge, one.run): one for one in (over("r1", "pass"),)}
    plant.advised = [last] = [advice("r1", "S40", 40, mode="shadow")]
    modes = [
        standings(plant, lambda name: Procedure(match=name), {"end of line": Switched(on=True, until_ns=until_ns)})[
            0
        ].mode
        for until_ns in (last.t_ns - 1, last.t_ns)
    ]
    assert modes == ["shadow", "on"]


def test_the_page_says_of_which_version_it_tells_what_was_saved_and_what_people_found_out_of_stopped_units() -> None:
    plant = Plant()
    new = [over(f"n{n}", "pass", number=n, model_version=2, control=True) for n in range(3)]
    told = [over(f"s{n}", "aborted", model_version=2, stopped_at="S05", saved_s=60.0, number=n) for n in range(2)]
    old = over("o", "aborted", number=-1, model_version=1, stopped_at="S05", saved_s=3_600.0)
    plant.tested = {(one.edge, one.run): one for one in (*new, *told, old)}
    plant.labelled["whole"] = label("whole", run="s1", device="", meaning="pass")
    shown = procedures(standings(plant, lambda name: Procedure(match=name)))
    assert "how many stops are false is told of version 2 alone" in shown
    assert "All versions stopped 3 runs" in shown
    assert "1 of 1 that somebody looked at" in shown
    assert "measured on 3 good units of control runs" in shown
