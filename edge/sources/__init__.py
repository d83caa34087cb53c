"""The kinds of source: one module and one row in the table each."""
