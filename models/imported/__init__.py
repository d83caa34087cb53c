"""Estimators of other libraries by import path, calibrated like our own; only paths on a list are ever imported."""
