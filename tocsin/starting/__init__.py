"""A first config, from what is there."""
