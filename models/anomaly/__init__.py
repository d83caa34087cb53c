"""Anomaly: estimators that are fitted on normal rows and say how far a row is from them."""
