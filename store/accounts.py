"""Whether the accounts add up; knows nothing of a database."""

from collections.abc import Mapping, Sequence

from store.port import Accounts


def problems(accounts: Sequence[Accounts], counted: Mapping[str, int] | None = None) -> list[str]:
    """What does not add up, a sentence each; `counted` are the rows that lie in the store by edge, where known.

    >>> fine = Accounts("edge", 2, 10, 10, 4, 20, 7, 0, 0, 0, 0, 0, 0)
    >>> problems([fine], {"edge": 6})
    []
    >>> problems([fine], {"edge": 5})
    ['edge: 10 rows were stored and 4 went by retention, but 5 lie in the store: 1 too few']
    """
    found = [sentence for one in accounts for sentence in _problems(one)]
    if counted is not None:
        found += [sentence for one in accounts for sentence in _miscounted(one, counted.get(one.edge, 0))]
        known = {one.edge for one in accounts}
        found += [
            f"{edge}: {rows} rows lie in the store and no account of them"
            for edge, rows in sorted(counted.items())
            if edge not in known
        ]
    return found


def _problems(one: Accounts) -> list[str]:
    found = []
    if one.rows != one.stored:
        found.append(f"{one.edge}: {one.rows} rows were accepted but {one.stored} stored")
    if one.retained_away > one.stored:
        found.append(f"{one.edge}: {one.retained_away} rows went by retention but only {one.stored} were stored")
    if one.late > one.rows:
        found.append(f"{one.edge}: {one.late} rows came late but only {one.rows} came at all")
    negative = [name for name in one.__struct_fields__[1:] if getattr(one, name) < 0]
    found += [f"{one.edge}: {name} is below zero" for name in negative]
    return found


def _miscounted(one: Accounts, rows: int) -> list[str]:
    off = rows - (one.stored - one.retained_away)
    sentence = (
        f"{one.edge}: {one.stored} rows were stored and {one.retained_away} went by retention, "
        f"but {rows} lie in the store: {abs(off)} too {'many' if off > 0 else 'few'}"
    )
    return [sentence] if off else []
