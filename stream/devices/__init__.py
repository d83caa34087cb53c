"""A device's rows, from what an edge sent to what a detector said of it."""
