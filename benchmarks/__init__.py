"""Benchmarks: each module measures one thing through the product's own doors; `python -m benchmarks` runs them."""
