"""A milling spindle in series production: the same part again and again, tool after tool."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulators.chance import Chance
from simulators.lag import Coloured, Lag
from simulators.rows import CHUNK, F64, I64, Block, Channel, Machine, grid, rounded
from simulators.surroundings import HOUR_NS, MINUTE_NS, SECOND_NS, Schedule, air_c, is_on

CHANNELS = (
    Channel("speed", "rpm", 0, 9000.0),
    Channel("vibration_rms", "mm/s", 2, 1.2),
    Channel("temperature", "°C", 1, 45.0),
    Channel("power", "kW", 2, 7.5),
    Channel("load_x", "%", 1, 45.0),
    Channel("load_y", "%", 1, 35.0),
)
_HEAT_S = 1200.0  # how slowly the spindle warms and cools
_TAUS_S = (2.0, 4.0, 60.0, 3.0, 2.0, 2.0)
_TOOLS = 4
_PHASES = 2 * _TOOLS + 1  # load the part, then cut and change for each tool; what is left of the takt is unloading


class Spindle(Machine):
    """One spindle; seeds are individuals, with their own part program, offsets and noise."""

    def __init__(self, device: str = "spindle-1", *, seed: int = 0, schedule: Schedule = Schedule.RESTS) -> None:
        self.device = device
        self.channels = CHANNELS
        self.running = ("power", 0.25)
        self._schedule = schedule
        self._chance = Chance(seed)
        self._program = _Program(self._chance)

    def chunks(self, *, start_ns: int, every_ns: int) -> Iterator[Block]:
        """Rows from the state of a machine that has long been in use."""
        motor, drives = Lag(0.9, every_ns), Lag(0.6, every_ns)
        heat = Lag(_HEAT_S, every_ns, self._heat_at(start_ns))
        colours = [Coloured(tau_s, every_ns) for tau_s in _TAUS_S]
        chunk = 0
        while True:
            t_ns = grid(start_ns, every_ns, chunk)
            on = is_on(self._schedule, self._chance, t_ns).astype(np.float64)
            asked, feed = self._program.at(t_ns)
            speed = motor.follow(asked * on)
            cut = drives.follow(feed * on)
            white = self._chance.noise("sensors", chunk, 2 * len(CHANNELS))
            slow = np.stack([colour.of(white[:, i]) for i, colour in enumerate(colours)], axis=1)
            values = self._physics(t_ns, on, _Motion(speed, asked * on - speed, cut), heat)
            yield Block(t_ns, rounded(self._sensed(values, slow, white[:, len(CHANNELS) :]), self.channels))
            chunk += 1

    def _heat_at(self, start_ns: int) -> float:
        """Temperature of the spindle at the start, from how the machine ran in the hours before."""
        every_ns = int(5 * _HEAT_S * SECOND_NS) // CHUNK
        t_ns = grid(start_ns - CHUNK * every_ns, every_ns, 0)
        on = is_on(self._schedule, self._chance, t_ns).astype(np.float64)
        asked, feed = self._program.at(t_ns)
        motion = _Motion(asked * on, np.zeros(CHUNK), feed * on)
        return float(self._physics(t_ns, on, motion, Lag(_HEAT_S, every_ns))[-1, 2])

    def _physics(self, t_ns: I64, on: F64, motion: "_Motion", heat: Lag) -> F64:
        """The true values: the tool asks speed and force; force costs power, power and speed make heat."""
        chance = self._chance
        speed = motion.speed
        hard = 1.0 + 0.07 * chance.wander("material", t_ns, 2 * HOUR_NS)
        bump = chance.bumps("forklift", t_ns, slot_ns=4 * HOUR_NS, share=0.6, last_ns=(2 * SECOND_NS, 6 * SECOND_NS))
        force = motion.cut * hard
        friction = 0.10 * speed + 0.06 * speed**2
        power = 0.06 * on + friction + 0.72 * force * (0.4 + 0.6 * speed) + 0.35 * np.maximum(motion.pull, 0.0)
        shake = 0.025 + 0.42 * speed**2 + 0.45 * force * np.sqrt(np.maximum(speed, 0.0)) + 0.15 * np.abs(bump) * on
        warmth = chance.trait("warmth", 34.0, 46.0) * (0.55 * speed**1.5 + 0.75 * power)
        lean = chance.trait("lean", -0.15, 0.15)
        return np.stack(
            [
                9000.0 * speed,
                1.2 * chance.trait("balance", 0.75, 1.3) * shake,
                heat.follow(air_c(chance, t_ns) + warmth * on),
                0.04 + 7.5 * chance.trait("motor", 0.92, 1.08) * power,
                on * (6.0 + 48.0 * (1.0 + lean) * force),
                on * (5.0 + 37.0 * (1.0 - lean) * force),
            ],
            axis=1,
        )

    def _sensed(self, values: F64, slow: F64, fast: F64) -> F64:
        """What the sensors make of the true values: each individual's offset, gain and noise."""
        noisy = self._chance.trait("noise", 0.8, 1.3)
        sensed = values.copy()
        sensed[:, 0] *= 1.0 + 0.0015 * slow[:, 0] + 0.0005 * fast[:, 0]
        sensed[:, 1] *= np.exp(noisy * (0.07 * slow[:, 1] + 0.045 * fast[:, 1]))
        sensed[:, 2] += noisy * (0.12 * slow[:, 2] + 0.06 * fast[:, 2]) + self._chance.trait("probe", -0.8, 0.8)
        sensed[:, 3:] *= 1.0 + noisy * (0.03 * slow[:, 3:] + 0.012 * fast[:, 3:])
        sensed[:, 4:] = np.abs(sensed[:, 4:] + 0.2 * fast[:, 4:] * (values[:, 4:] > 0))
        return sensed


@dataclass(frozen=True, slots=True, eq=False)
class _Motion:
    """Speed, how far it still is from what is asked, and cutting force, all as shares of full load."""

    speed: F64
    pull: F64
    cut: F64


class _Program:
    """What the part program asks: speed and cutting force, both as shares of full load.

    Each takt makes one part. The phases vary from part to part by an eighth, the tools do not.
    """

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        tools = range(_TOOLS)
        self._takt_ns = int(chance.trait("takt", 150.0, 240.0) * SECOND_NS)
        shares = [0.08] + [x for i in tools for x in (chance.trait(f"cut {i}", 0.11, 0.19), 0.035)]
        self._lengths = np.array(shares)
        idle, still = [0.0], [0.0]
        self._speed = np.array(idle + [x for i in tools for x in (chance.trait(f"speed {i}", 0.4, 1.0), 0.0)] + still)
        self._feed = np.array(idle + [x for i in tools for x in (chance.trait(f"feed {i}", 0.35, 1.0), 0.03)] + still)

    def at(self, t_ns: I64) -> tuple[F64, F64]:
        """Speed and force at each time."""
        takt = t_ns // self._takt_ns
        place = (t_ns - takt * self._takt_ns) / self._takt_ns
        phase = np.zeros(len(t_ns), dtype=np.int64)
        end = np.zeros(len(t_ns))
        for i in range(_PHASES):
            vary = 0.875 + 0.25 * self._chance.level(f"phase {i}", takt)
            end = end + self._lengths[i] * vary
            phase += place >= end
        force = self._feed[phase] * (0.95 + 0.1 * self._chance.level("blank", takt))
        chatter = 1.0 + 0.06 * self._chance.wander("path", t_ns, MINUTE_NS // 12)
        return self._speed[phase], force * chatter
