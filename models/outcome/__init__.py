"""Outcome: estimators of how a test will end, or what a row will be found to be, from what is known so far."""
