"""Runs: what a unit under test has shown, as the one wide row that models are fitted on and asked with; no clocks."""
