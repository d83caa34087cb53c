"""Which channels each device has shown; bounded, so that values sent as names cannot pile up."""

CHANNELS = 1024  # of one device; each is a column wherever its rows are kept
DEVICES = 10_000  # remembered; the one longest known goes first


class Roster:
    """Remembers the channels of devices since the program began."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def enter(self, device: str, channels: tuple[str, ...]) -> None:
        """Take up a device's channels. Raises ValueError, and takes up none, if they are too many."""
        known = self._known.get(device)
        if known is not None and known.issuperset(channels):
            return
        grown = {*channels} if known is None else known.union(channels)
        if len(grown) > CHANNELS:
            msg = f"more than {CHANNELS} channels of one device; does it send values or counters as names?"
            raise ValueError(msg)
        "".join((device, *channels)).encode()  # half a surrogate pair would only be noticed when the batch is packed
        if known is None and len(self._known) >= DEVICES:
            del self._known[next(iter(self._known))]
        self._known[device] = grown
