"""Simulators: seeded machines that wear, fail, drop out and lie, and the lines they speak over.

They know nothing of who listens: of ours they use only the row that sources hand on.
"""
