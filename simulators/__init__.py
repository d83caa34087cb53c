"""Simulators: seeded machines that wear, fail, drop out and lie, and the lines they speak over."""
