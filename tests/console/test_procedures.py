"""What the page of runs asks of its store."""

from collections.abc import Mapping, Sequence

from dashboards.console.procedures import live, standings
from tests.console.fakes import Plant
from tests.store.benches import advice, run
from wire.config import Procedure
from wire.messages import Advice, Run


class Counting(Plant):
    """Counts the questions about advice."""

    asked = 0

    def advice(self, edge: str, run: str) -> list[Advice]:
        self.asked += 1
        return super().advice(edge, run)

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
