"""The scoring core: a pure function from a state and inputs to the next state and what came of them."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from models.decide import Decision
from stream.benches import stored
from stream.benches.records import Benches
from stream.devices.device import Device
from stream.devices.plan import NEVER, plan
from stream.devices.timetable import Timetable
from stream.draft import Draft, Plans
from stream.edges import Edge
from stream.inputs import Item
from stream.lanes import Lane
from stream.models.detectors import Detectors, models_named
from stream.models.versions import Versions
from stream.seal import StateError
from stream.state import (
    MODELS_KEY,
    CoreState,
    device_key,
    edge_key,
    lane_key,
    pack_device,
    pack_other,
    split_key,
    unpack_device,
    unpack_edge,
    unpack_lane,
    unpack_models,
)
from stream.turn import Turn
from wire.config import Config
from wire.messages import Batch, Outcome


class Outcomes(msgspec.Struct, frozen=True):
    """What came of a micro-batch: `changed` names the records of the state that are to be stored anew."""

    accepted: Sequence[Batch]
    outcomes: Sequence[Outcome]
    duplicates: int
    changed: Sequence[str]


class Core:
    """Scores and watches. Knows no clock, file or chance: the same inputs give the same outcomes, however cut.

    Each detector rings by its own decision, unless one `decision` is to hold for all.
    """

    def __init__(self, config: Config, detectors: Detectors, *, decision: Decision | None = None) -> None:
        for rule in config.devices:
            plan(Config(devices=(rule,)), rule.match, ())  # raises RunningError before anything runs
        self._detectors = detectors
        self._named = tuple(sorted(models_named(config)))
        self._decision = decision
        self._plans = Plans(config)

    def cold(self) -> CoreState:
        """The state of a core that has seen nothing."""
        return CoreState()

    def step(self, state: CoreState, inputs: Sequence[tuple[int, Item]]) -> tuple[CoreState, Outcomes]:
        """Work on inputs in order, each with its position in the log; `state` stays as it is."""
        draft = Draft(state, self._plans)
        turn = Turn(draft, self._detectors, self._decision)
        with np.errstate(all="ignore"):  # missing and absurd values are data here
            for _, item in inputs:
                turn.take(item)
            outcomes = turn.outcomes()
        return draft.finished(), Outcomes(turn.accepted, outcomes, turn.duplicates, tuple(draft.changed))

    def dump(self, state: CoreState, keys: Iterable[str] | None = None) -> dict[str, bytes]:
        """Records of the state as bytes, by name: those asked for (b"" = gone), or all."""
        return {key: _packed(state, key) for key in (keys if keys is not None else _keys(state))}

    def load(self, records: Mapping[str, bytes]) -> CoreState:
        """Read what `dump` gave; a damaged record starts cold, and an alarm will say so."""
        devices: dict[tuple[str, str], Device] = {}
        edges: dict[str, Edge] = {}
        lanes: dict[tuple[str, str], Lane] = {}
        models: dict[str, Versions] = {}
        benches: dict[str, Benches] = {}
        damaged: dict[str, str] = {}
        for key, data in records.items():
            kind, *names = split_key(key)
            if kind == "device":
                devices[names[0], names[1]] = _device(data)
            elif kind == "edge":
                edges[names[0]] = _edge(data)
            elif kind == "lane":
                try:
                    lanes[names[0], names[1]] = unpack_lane(data)
                except StateError as error:
                    damaged[names[0]] = f"lane {names[1]}: {error}"
            elif key == MODELS_KEY:
                models = _models(data)
            elif kind in stored.VERSIONS:
                reason = stored.put(benches.setdefault(names[0], Benches()), kind, names[1], data)
                damaged |= {names[0]: reason} if reason else {}
        for name, reason in damaged.items():
            edges.setdefault(name, Edge()).lost = reason
        return CoreState(devices, edges, lanes, _owners(devices), models, self._tables(devices), benches)

    def pinned(self, state: CoreState) -> tuple[CoreState, tuple[str, ...]]:
        """The state in which every model that the configuration names has a version in force, and the records changed.

        To be stored before anything is scored: what is worked on again after a crash is then scored by the same
        versions, whatever has become champion meanwhile.
        """
        models = dict(state.models)
        for name in self._named:
            detector = None if name in models and models[name].champion else self._detectors.find(name, 0)
            if detector is not None:
                models[name] = models.get(name, Versions()).promoted(detector.version)
        if models == state.models:
            return state, ()
        return msgspec.structs.replace(state, models=models), (MODELS_KEY,)

    def clock_ns(self, state: CoreState) -> int:
        """The newest input clock of all edges, 0 before the first batch."""
        return max((edge.clock_ns for edge in state.edges.values()), default=0)

    def overdue(self, state: CoreState, since_ns: int) -> bool:
        """Whether a tick could ring: an edge has not been heard since then, and it is not yet known to be silent."""
        return any(edge.clock_ns < since_ns and not edge.silent() for edge in state.edges.values())

    def _tables(self, devices: Mapping[tuple[str, str], Device]) -> dict[str, Timetable]:
        tables: dict[str, Timetable] = {}
        for (edge, name), device in devices.items():
            due_ns = NEVER if device.life.own else device.due_ns(self._plans.of(name, device.channels))
            tables.setdefault(edge, Timetable()).set(name, due_ns)
        return tables


def _keys(state: CoreState) -> list[str]:
    keys = [device_key(*names) for names in state.devices]
    keys += [edge_key(name) for name in state.edges]
    keys += [lane_key(*names) for names in state.lanes]
    keys += [key for edge, benches in state.benches.items() for key in stored.keys(edge, benches)]
    return [*keys, MODELS_KEY] if state.models else keys


def _packed(state: CoreState, key: str) -> bytes:
    kind, *names = split_key(key)
    if kind == "device":
        device = state.devices.get((names[0], names[1]))
        return pack_device(device) if device else b""
    if kind == "edge":
        edge = state.edges.get(names[0])
        return pack_other(edge) if edge else b""
    if kind == "lane":
        lane = state.lanes.get((names[0], names[1]))
        return pack_other(lane) if lane else b""
    if kind in stored.VERSIONS:
        return stored.packed(state.benches.get(names[0]), kind, names[1])
    return pack_other(state.models)


def _device(data: bytes) -> Device:
    try:
        return unpack_device(data)
    except StateError as error:
        device = Device.cold()
        device.lost = str(error)
        return device


def _edge(data: bytes) -> Edge:
    try:
        return unpack_edge(data)
    except StateError as error:
        return Edge(lost=str(error))


def _models(data: bytes) -> dict[str, Versions]:
    try:
        return unpack_models(data)
    except StateError:
        return {}  # every model is its champion again; the next change is stored anew


def _owners(devices: Mapping[tuple[str, str], Device]) -> dict[str, str]:
    return {name: edge for (edge, name), device in devices.items() if device.life.owner}
