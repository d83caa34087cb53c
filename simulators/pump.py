"""A centrifugal pump on a frequency converter: it delivers what the plant asks, by the affinity laws."""

from collections.abc import Iterator

import numpy as np

from simulators.chance import Chance
from simulators.lag import Coloured, Lag
from simulators.rows import CHUNK, F64, I64, Block, Channel, Machine, grid, rounded
from simulators.surroundings import HOUR_NS, MINUTE_NS, SECOND_NS, Schedule, air_c, is_on

CHANNELS = (
    Channel("vibration_rms", "mm/s", 2, 1.6),
    Channel("temperature", "°C", 1, 58.0),
    Channel("current", "A", 2, 11.0),
    Channel("pressure", "bar", 2, 4.2),
    Channel("flow", "l/min", 1, 210.0),
)
_TAUS_S = (4.0, 90.0, 5.0, 6.0, 8.0)  # how long the noise of each channel remembers
_HEAT_S = 1500.0  # how slowly the bearing warms and cools
_STATIC = 0.45  # share of the head that is there without flow: height and counter-pressure
_STEEP = 0.25  # how much head the impeller loses towards full flow


class Pump(Machine):
    """One pump; seeds are individuals, with their own size, offsets, noise and demand."""

    def __init__(self, device: str = "pump-1", *, seed: int = 0, schedule: Schedule = Schedule.RESTS) -> None:
        self.device = device
        self.channels = CHANNELS
        self.running = ("current", 0.5)
        self._schedule = schedule
        self._chance = Chance(seed)

    def chunks(self, *, start_ns: int, every_ns: int) -> Iterator[Block]:
        """Rows from the state of a machine that has long been in use."""
        spin, valve = Lag(3.0, every_ns), Lag(20.0, every_ns)
        heat = Lag(_HEAT_S, every_ns, self._heat_at(start_ns))
        colours = [Coloured(tau_s, every_ns) for tau_s in _TAUS_S]
        chunk = 0
        while True:
            t_ns = grid(start_ns, every_ns, chunk)
            on = is_on(self._schedule, self._chance, t_ns).astype(np.float64)
            run = spin.follow(on)
            asked = valve.follow(self._demand(t_ns))
            white = self._chance.noise("sensors", chunk, 2 * len(CHANNELS))
            slow = np.stack([colour.of(white[:, i]) for i, colour in enumerate(colours)], axis=1)
            values = self._physics(t_ns, run, on - run, asked, heat)
            yield Block(t_ns, rounded(self._sensed(values, slow, white[:, len(CHANNELS) :]), self.channels))
            chunk += 1

    def _heat_at(self, start_ns: int) -> float:
        """Temperature of the bearing at the start, from how the machine ran in the hours before."""
        every_ns = int(5 * _HEAT_S * SECOND_NS) // CHUNK
        t_ns = grid(start_ns - CHUNK * every_ns, every_ns, 0)
        run = is_on(self._schedule, self._chance, t_ns).astype(np.float64)
        physics = self._physics(t_ns, run, np.zeros(CHUNK), self._demand(t_ns), Lag(_HEAT_S, every_ns))
        return float(physics[-1, 1])

    def _demand(self, t_ns: I64) -> F64:
        """Share of the full flow that the plant asks for: the day's curve, slow wander, and sudden steps."""
        chance = self._chance
        day = np.sin(2 * np.pi * (t_ns % (24 * HOUR_NS)) / (24 * HOUR_NS) - chance.trait("rush", 1.0, 3.0))
        own_ns = t_ns + int(chance.trait("habit", 0.0, 24.0) * HOUR_NS)  # no two pumps step together
        steps = 1.2 * chance.level("batches", own_ns // (25 * MINUTE_NS)) - 0.6
        steps += 0.8 * chance.level("taps", own_ns // (41 * MINUTE_NS)) - 0.4
        demand: F64 = 0.78 + 0.06 * day + 0.05 * chance.wander("demand", t_ns, 3 * HOUR_NS) + 0.09 * steps
        return demand

    def _physics(self, t_ns: I64, run: F64, pull: F64, asked: F64, heat: Lag) -> F64:
        """The true values: flow sets head, head sets speed, both set power, power sets heat."""
        chance = self._chance
        flow = asked * run
        surge = chance.bumps("surge", t_ns, slot_ns=2 * HOUR_NS, share=0.6, last_ns=(4 * SECOND_NS, 20 * SECOND_NS))
        knock = chance.bumps("knock", t_ns, slot_ns=4 * HOUR_NS, share=0.6, last_ns=(2 * SECOND_NS, 6 * SECOND_NS))
        head = _STATIC * (0.5 + 0.5 * run) + (1.0 - _STATIC) * flow**2
        speed2 = run**2 * (_STATIC + (1.0 - _STATIC + _STEEP) * asked**2) / (1.0 + _STEEP)
        power = flow * head / (1.0 - 0.35 * (flow - 0.85) ** 2)
        current = (0.28 * speed2 + 0.72 * power) * (1.0 + 0.02 * surge) + 0.35 * np.maximum(pull, 0.0)
        unease = 1.0 + 1.8 * (asked - 0.85) ** 2  # away from its best point a pump shakes more
        shake = 0.03 + speed2 * (0.55 + 0.42 * asked) * unease * (1.0 + 0.25 * np.abs(knock))
        warm = heat.follow(air_c(chance, t_ns) + chance.trait("warmth", 30.0, 38.0) * (0.3 * speed2 + 0.7 * power))
        full = [channel.nominal for channel in CHANNELS]
        return np.stack(
            [
                full[0] * chance.trait("balance", 0.75, 1.3) * shake,
                warm,
                full[2] * chance.trait("motor", 0.9, 1.1) * current,
                full[3] * chance.trait("impeller", 0.92, 1.08) * head * (1.0 + 0.10 * surge * run),
                full[4] * chance.trait("size", 0.92, 1.08) * flow * (1.0 - 0.03 * surge),
            ],
            axis=1,
        )

    def _sensed(self, values: F64, slow: F64, fast: F64) -> F64:
        """What the sensors make of the true values: each individual's offset, gain and noise."""
        noisy = self._chance.trait("noise", 0.8, 1.3)
        sensed = values.copy()
        sensed[:, 0] *= np.exp(noisy * (0.055 * slow[:, 0] + 0.035 * fast[:, 0]))
        sensed[:, 1] += noisy * (0.15 * slow[:, 1] + 0.08 * fast[:, 1]) + self._chance.trait("probe", -0.8, 0.8)
        sensed[:, 2:] *= 1.0 + noisy * (_GRAIN * slow[:, 2:] + 0.003 * fast[:, 2:])
        sensed[:, 2] = np.maximum(sensed[:, 2] + 0.01 * fast[:, 2] + 0.02, 0.0)
        return sensed


_GRAIN = np.array([0.008, 0.010, 0.012])  # slow ripple of current, pressure and flow, as shares
