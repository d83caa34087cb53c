"""Which champions came before the one of now: one that is promoted follows on, going back to one forgets what followed.

Kept alike by the registry, for people, and by the core, for devices on which the newest fails.
"""

MOST = 4  # champions remembered: what none of these could do, none before them is asked for


def followed(before: tuple[int, ...], now: int, to: int) -> tuple[int, ...]:
    """The champions before `to`, newest last, where those before `now` are known; 0 is none.

    >>> followed((1,), 2, 3), followed((1, 2), 3, 2), followed((), 0, 1), followed((1,), 2, 2)
    ((1, 2), (1,), (), (1,))
    """
    if to == now or not now:
        return before
    if to in before:
        return before[: before.index(to)]
    return (*before, now)[-MOST:]
