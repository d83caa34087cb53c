"""A step's working copies: a record is copied when first touched, so the state before stays as it was."""

import msgspec

from stream.alarms.panel import WHOLE, Panel, Place
from stream.benches.records import Benches
from stream.devices.device import Device
from stream.devices.plan import Plan, plan
from stream.devices.timetable import Timetable
from stream.edges import Edge
from stream.lanes import Lane
from stream.models.detectors import models_named
from stream.models.versions import Versions
from stream.state import MODELS_KEY, CoreState, device_key, edge_key, lane_key
from wire.config import Config, Procedure
from wire.messages import Origin, Outcome


class Occasion(msgspec.Struct, frozen=True):
    """The input that is being worked on, the edge it concerns, and where its outcomes go."""

    edge: str
    origin: Origin
    out: list[Outcome]


class Draft:
    """The next state in the making."""

    def __init__(self, state: CoreState, plans: "Plans") -> None:
        self._before = state
        self.plans = plans
        self.devices = dict(state.devices)
        self.edges = dict(state.edges)
        self.lanes = dict(state.lanes)
        self.owners = dict(state.owners)
        self.models = dict(state.models)
        self.tables = dict(state.tables)
        self.benches = dict(state.benches)
        self.changed: dict[str, None] = {}
        self._own: set[tuple[str, str]] = set()
        self._own_edges: set[str] = set()
        self._own_tables: set[str] = set()
        self._own_benches: set[str] = set()

    def device(self, edge: str, name: str) -> Device:
        """A device's working copy; an unknown one starts cold."""
        key = (edge, name)
        if key not in self._own:
            known = self.devices.get(key)
            self.devices[key] = known.fork() if known else Device.cold()
            self._own.add(key)
            self.changed[device_key(edge, name)] = None
        return self.devices[key]

    def edge(self, name: str) -> Edge:
        """An edge's working copy; an unknown one starts cold."""
        if name not in self._own_edges:
            known = self.edges.get(name)
            self.edges[name] = (known or Edge()).fork()
            self._own_edges.add(name)
            self.changed[edge_key(name)] = None
        return self.edges[name]

    def table(self, edge: str) -> Timetable:
        """An edge's timetable, as a working copy."""
        if edge not in self._own_tables:
            known = self.tables.get(edge)
            self.tables[edge] = known.fork() if known else Timetable()
            self._own_tables.add(edge)
        return self.tables[edge]

    def floor(self, edge: str) -> Benches:
        """The test benches of an edge, as a working copy; its records are copied when `touched` first."""
        if edge not in self._own_benches:
            known = self.benches.get(edge)
            self.benches[edge] = known.fork() if known else Benches()
            self._own_benches.add(edge)
        return self.benches[edge]

    def touched(self, key: str) -> bool:
        """Note that a record of a test bench changes; whether this is the first time."""
        first = key not in self.changed
        self.changed[key] = None
        return first

    def set_lane(self, edge: str, log: str, lane: Lane) -> None:
        """Replace a lane's record."""
        self.lanes[edge, log] = lane
        self.changed[lane_key(edge, log)] = None

    def forget_lane(self, edge: str, log: str) -> None:
        """Remove a lane's record."""
        del self.lanes[edge, log]
        self.changed[lane_key(edge, log)] = None

    def own(self, edge: str, name: str) -> None:
        """From here on a device belongs to this edge."""
        before = self.owners.get(name)
        if before is not None:
            old = self.device(before, name)
            old.life = msgspec.structs.replace(old.life, owner=False)
        self.owners[name] = edge
        new = self.device(edge, name)
        new.life = msgspec.structs.replace(new.life, owner=True)

    def set_model(self, name: str, versions: Versions) -> None:
        """From here on a model is used in these versions."""
        self.models[name] = versions
        self.changed[MODELS_KEY] = None

    def plan(self, edge: str, name: str) -> Plan:
        """What the configuration says of a device with the channels it has now."""
        return self.plans.of(name, self.devices[edge, name].channels)

    def panel(self, at: Occasion, device: str = WHOLE) -> Panel:
        """The alarms of a device, or of the edge itself."""
        alarms = self.edge(at.edge).alarms if device == WHOLE else self.device(at.edge, device).alarms
        return Panel(Place(at.edge, device, at.origin), alarms, at.out)

    def finished(self) -> CoreState:
        """The next state."""
        return CoreState(self.devices, self.edges, self.lanes, self.owners, self.models, self.tables, self.benches)


class Plans:
    """Plans are made once a device and set of channels; a pure function remembered, at most so many."""

    LIMIT = 20_000

    def __init__(self, config: Config) -> None:
        self._config = config
        self.models = frozenset(models_named(config))
        self._known: dict[str, Plan] = {}
        self._procedures: dict[str, Procedure] = {}

    def of(self, device: str, channels: tuple[str, ...]) -> Plan:
        """What the configuration says of a device."""
        known = self._known.get(device)
        if known is None or (known.channels is not channels and known.channels != channels):
            if len(self._known) >= self.LIMIT:
                self._known.clear()
            known = self._known[device] = plan(self._config, device, channels)
        return known

    def procedure(self, name: str) -> Procedure:
        """What the configuration says of a test procedure."""
        known = self._procedures.get(name)
        if known is None:
            if len(self._procedures) >= self.LIMIT:
                self._procedures.clear()
            known = self._procedures[name] = self._config.procedure(name)
        return known
