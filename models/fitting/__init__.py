"""Fitting: from a recipe and recorded rows to a model, its search and its tracking; knows no estimator by name."""
