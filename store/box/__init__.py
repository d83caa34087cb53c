"""The store of a box: one DuckDB file."""
