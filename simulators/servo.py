"""The procedure that simulated benches follow: 40 steps that end a servo drive's assembly, as rows of a table.

Every spread is that of good units; limits stand where a capable process has them, far outside of it.
"""

from simulators.procedure import TIGHT, WIDE, Measure, Procedure, Step

_M = Measure


def _phases(name: str, uom: str, nominal: float, spread: float, shows: str) -> tuple[Measure, ...]:
    return tuple(_M(f"{name}_{phase}", uom, nominal, spread, shows) for phase in "uvw")


_STEPS = (
    Step("S01", 8, (_M("supply", "V", 48.0, 0.12, "supply"),), (("firmware", "4.2.1"),)),
    Step("S02", 12, (_M("idle_current", "A", 0.41, 0.012, "current"),), (("self_test", True),)),
    Step("S03", 20, (_M("insulation", "MOhm", 850.0, 0.18, "insulation"),)),
    Step("S04", 14, (_M("clamp_force", "kN", 6.2, 0.09, "force"), _M("clamp_travel", "mm", 2.1, 0.03, "force"))),
    Step("S05", 26, (_M("flash_current", "uA", 41.0, 2.4, "current", critical=True),)),
    Step("S06", 16, _phases("resistance", "mOhm", 312.0, 2.8, "resistance")),
    Step("S07", 18, _phases("inductance", "mH", 1.84, 0.021, "inductance")),
    Step("S08", 22, (_M("breakaway", "Nm", 0.31, 0.11, "friction"), _M("vibration", "mm/s", 0.52, 0.14, "vibration"))),
    Step("S09", 44, (_M("pressure_loss", "Pa/s", 3.1, 0.16, "leak"), _M("stroke_force", "kN", 3.3, 0.05, "force"))),
    Step("S10", 72, (_M("drag", "Nm", 0.22, 0.10, "friction"), _M("housing", "°C", 38.0, 1.1, "warmth"))),
    Step("S11", 20, (*_phases("emf", "V", 31.5, 0.16, "emf"), _M("vibration", "mm/s", 0.78, 0.13, "vibration"))),
    Step(
        "S12",
        18,
        (
            _M("index_error", "arcmin", 0.0, 0.42, "position"),
            _M("drag", "Nm", 0.21, 0.1, "friction"),
            _M("pressure_loss", "Pa/s", 3.2, 0.16, "leak"),
        ),
    ),
    Step(
        "S13",
        34,
        (
            _M("ripple", "mV", 86.0, 0.10, "ripple"),
            _M("bus_current", "A", 2.9, 0.05, "current"),
            _M("housing", "°C", 44.0, 1.1, "warmth"),
        ),
    ),
    Step(
        "S14",
        28,
        (
            _M("stall_torque", "Nm", 9.4, 0.11, "torque"),
            _M("stall_current", "A", 14.2, 0.2, "current"),
            _M("step_error", "arcmin", 0.0, 0.5, "position"),
        ),
    ),
    Step("S15", 90, (_M("soak", "°C", 61.0, 1.4, "warmth"), _M("insulation", "MOhm", 420.0, 0.2, "insulation"))),
    Step("S16", 16, (*_phases("resistance", "mOhm", 351.0, 3.4, "resistance"), _M("emf", "V", 31.1, 0.2, "emf"))),
    Step(
        "S17",
        24,
        (
            _M("vibration_x", "mm/s", 0.92, 0.13, "vibration"),
            _M("drag", "Nm", 0.19, 0.1, "friction"),
            _M("ripple", "mV", 90.0, 0.1, "ripple"),
        ),
    ),
    Step(
        "S18",
        22,
        (
            _M("ripple", "mV", 91.0, 0.1, "ripple"),
            _M("index_error", "arcmin", 0.0, 0.45, "position"),
            _M("torque", "Nm", 4.1, 0.05, "torque"),
        ),
    ),
    Step(
        "S19",
        38,
        (
            _M("pressure_loss", "Pa/s", 3.4, 0.15, "leak"),
            _M("torque", "Nm", 4.1, 0.05, "torque"),
            _M("step_error", "arcmin", 0.0, 0.5, "position"),
        ),
    ),
    Step(
        "S20",
        20,
        (
            _M("phase_current", "A", 7.6, 0.1, "current"),
            _M("emf", "V", 30.9, 0.17, "emf"),
            _M("vibration", "mm/s", 1.0, 0.13, "vibration"),
        ),
    ),
    Step(
        "S21",
        36,
        (
            _M("winding", "°C", 66.0, 1.5, "warmth", critical=True),
            _M("drag", "Nm", 0.18, 0.1, "friction"),
            _M("ripple", "mV", 96.0, 0.1, "ripple"),
        ),
    ),
    Step("S22", 26, (_M("vibration_y", "mm/s", 1.05, 0.12, "vibration"), _M("ripple", "mV", 97.0, 0.1, "ripple"))),
    Step(
        "S23",
        18,
        (
            _M("insulation", "MOhm", 390.0, 0.19, "insulation"),
            _M("supply", "V", 47.8, 0.12, "supply"),
            _M("pressure_loss", "Pa/s", 3.5, 0.15, "leak"),
        ),
    ),
    Step(
        "S24",
        24,
        (
            _M("step_error", "arcmin", 0.0, 0.5, "position"),
            _M("torque", "Nm", 4.0, 0.05, "torque"),
            _M("drag", "Nm", 0.18, 0.1, "friction"),
        ),
    ),
    Step("S25", 18, (*_phases("resistance", "mOhm", 358.0, 3.5, "resistance"), _M("emf", "V", 30.8, 0.17, "emf"))),
    Step(
        "S26",
        42,
        (
            _M("pressure_loss", "Pa/s", 3.5, 0.15, "leak"),
            _M("vibration", "mm/s", 1.1, 0.12, "vibration"),
            _M("step_error", "arcmin", 0.0, 0.5, "position"),
        ),
    ),
    Step("S27", 24, (_M("brake_current", "A", 0.82, 0.011, "current", critical=True),)),
    Step(
        "S28",
        46,
        (
            _M("casing", "°C", 58.0, 1.2, "warmth"),
            _M("ripple", "mV", 99.0, 0.1, "ripple"),
            _M("torque", "Nm", 4.0, 0.05, "torque"),
        ),
    ),
    Step("S29", 22, (_M("drag", "Nm", 0.18, 0.1, "friction"), _M("index_error", "arcmin", 0.0, 0.45, "position"))),
    Step(
        "S30",
        24,
        (
            _M("torque", "Nm", 4.0, 0.05, "torque"),
            _M("emf", "V", 30.8, 0.16, "emf"),
            _M("vibration_x", "mm/s", 1.1, 0.12, "vibration"),
        ),
    ),
    Step(
        "S31",
        20,
        (_M("insulation", "MOhm", 370.0, 0.19, "insulation"), _M("inductance", "mH", 1.8, 0.02, "inductance")),
    ),
    Step("S32", 28, (_M("vibration_z", "mm/s", 1.2, 0.12, "vibration"), _M("bus_current", "A", 3.1, 0.05, "current"))),
    Step("S33", 40, (_M("pressure_loss", "Pa/s", 3.6, 0.15, "leak"), _M("housing", "°C", 59.0, 1.2, "warmth"))),
    Step("S34", 20, (_M("ripple", "mV", 101.0, 0.1, "ripple"), _M("step_error", "arcmin", 0.0, 0.5, "position"))),
    Step(
        "S35",
        22,
        (_M("drag", "Nm", 0.18, 0.1, "friction"), _M("torque_const", "Nm/A", 0.53, 0.006, "torque", grain=0.1)),
    ),
    Step("S36", 18, (_M("resistance_hot", "mOhm", 362.0, 3.4, "resistance", TIGHT, critical=True, grain=0.1),)),
    Step("S37", 24, (_M("torque_full", "Nm", 11.8, 0.12, "torque", TIGHT, critical=True, grain=0.1),)),
    Step(
        "S38",
        64,
        (
            _M("vibration_full", "mm/s", 1.9, 0.12, "vibration", WIDE, critical=True, stress=3.5),
            _M("drag_full", "Nm", 0.24, 0.1, "friction", WIDE, critical=True, stress=3.5),
        ),
    ),
    Step(
        "S39",
        58,
        (
            _M("ripple_full", "mV", 140.0, 0.1, "ripple", WIDE, critical=True, stress=3.5),
            _M("error_full", "arcmin", 0.0, 0.6, "position", WIDE, critical=True, stress=3.5),
            _M("emf_full", "V", 30.2, 0.18, "emf", WIDE, critical=True, stress=3.5),
        ),
    ),
    Step(
        "S40",
        50,
        (
            _M("insulation_hot", "MOhm", 240.0, 0.2, "insulation", WIDE, critical=True, stress=3.5),
            _M("pressure_loss", "Pa/s", 4.0, 0.15, "leak", WIDE, critical=True, stress=3.5),
            _M("unbalance", "mOhm", 362.0, 3.6, "resistance", WIDE, critical=True, stress=3.5),
        ),
    ),
)

SERVO = Procedure("servo-final", "1", _STEPS)
