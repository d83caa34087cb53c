"""Poison on the topic of the inputs: what nobody can read or score, mixed with good inputs, and the account of it."""
