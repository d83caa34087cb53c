"""The box's shell around the core."""
