"""How the sink is doing, as its threads say; each figure has one writer."""


class SinkHealth:
    """Counts since the start; `trouble` is why nothing is written just now."""

    def __init__(self) -> None:
        self.lines = 0  # stored
        self.requests = 0  # that stored something
        self.tries = 0  # in vain, to be made again
        self.unread = 0  # records that nobody can decode
        self.dead = 0  # dead letters that are on the bus
        self.lost_letters = 0  # lines about dead letters that were refused: counted, never a dead letter again
        self.expired = 0  # lines older than the bucket keeps
        self.holes = 0  # times that records did not come in order
        self.active_alarms = 0
        self.lag = 0.0  # records behind, at the last report
        self.trouble = ""
        self.uncommitted = ""  # why what is stored will come again
        self.failure = ""  # why a thread of it ended
