from store.accounts import problems
from store.port import Accounts

FINE = Accounts("edge", 3, 100, 100, 40, 250, 90, 10, 1, 2, 3, 4, 5)


def test_accounts_that_add_up_have_no_problem() -> None:
    assert problems([]) == []
    assert problems([FINE]) == []
    assert problems([FINE], {"edge": 60}) == []


def test_every_disagreement_is_told() -> None:
    lost = Accounts("edge", 3, 100, 99, 0, 250, 90, 0, 0, 0, 0, 0, 0)
    gone = Accounts("b", 3, 10, 10, 11, 250, 90, 11, 0, 0, 0, -1, 0)
    assert problems([lost, gone]) == [
        "edge: 100 rows were accepted but 99 stored",
        "b: 11 rows went by retention but only 10 were stored",
        "b: 11 rows came late but only 10 came at all",
        "b: gap_rows is below zero",
    ]


def test_rows_that_lie_in_the_store_are_compared_with_the_accounts() -> None:
    assert problems([FINE], {"edge": 61, "ghost": 2}) == [
        "edge: 100 rows were stored and 40 went by retention, but 61 lie in the store: 1 too many",
        "ghost: 2 rows lie in the store and no account of them",
    ]
