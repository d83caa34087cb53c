"""Judging: what a model said, laid beside what was so; knows no estimator."""
