"""Runs on test benches, in the core: what is known of each, what is irregular, and the call after each step."""
