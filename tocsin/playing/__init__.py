"""Simulated machines and benches, the demo, and recordings played again."""
