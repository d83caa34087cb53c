"""What runs for long, put together: the box, and each role of a fleet."""
