"""Which devices an edge may speak for, which channels they have, and who attends them during a batch."""

from collections.abc import Sequence

from stream.alarms.panel import Notice
from stream.devices.attendant import Attendant
from stream.devices.chunk import union
from stream.draft import Draft, Occasion
from wire.messages import Frame

MAX_CHANNELS = 2048  # watched of a device; further ones are stored
MAX_DEVICES = 20_000  # watched in all; further ones are stored


def attend(name: str, at: Occasion, draft: Draft) -> Attendant:
    """Whoever attends a known device of an edge."""
    device = draft.device(at.edge, name)
    clock_ns = device.clock_ns(draft.edge(at.edge).clock_ns)
    return Attendant(device, draft.plan(at.edge, name), draft.panel(at, name), clock_ns)


def grown(name: str, frames: Sequence[Frame], at: Occasion, draft: Draft, *, late: bool) -> tuple[tuple[str, ...], int]:
    """The channels a device has with these frames, and how many are too many; late frames bring no new ones."""
    known = draft.devices[at.edge, name].channels if (at.edge, name) in draft.devices else ()
    return (known, 0) if late and known else union(known, frames, MAX_CHANNELS)


def admitted(name: str, at: Occasion, draft: Draft) -> bool:
    """Whether a device is watched here: there is room for it, and it belongs to this edge."""
    if (at.edge, name) not in draft.devices and len(draft.devices) >= MAX_DEVICES:
        edge = draft.edge(at.edge)
        facts = {"what": f"more than {MAX_DEVICES} devices"}
        draft.panel(at).raise_(Notice("crowded", "crowded", edge.clock_ns, facts), edge.clock_ns)
        edge.event("crowded")
        return False
    owner = draft.owners.get(name)
    if owner == at.edge:
        return True
    if owner is None or draft.devices[owner, name].stands("silent") or draft.edges[owner].silent():
        draft.own(at.edge, name)
        return True
    attendant = attend(name, at, draft)
    attendant.panel.raise_(Notice("conflict", "conflict", attendant.clock_ns, {"owner": owner}), attendant.clock_ns)
    attendant.event("conflict")
    draft.table(at.edge).set(name, attendant.device.due_ns(attendant.plan))
    return False


def overfull(left_out: int, attendant: Attendant) -> None:
    """Say that a device has more channels than are watched."""
    facts = {"what": f"{left_out} channels beyond {MAX_CHANNELS}"}
    attendant.panel.raise_(Notice("crowded", "crowded", attendant.clock_ns, facts), attendant.clock_ns)
    attendant.event("crowded")
