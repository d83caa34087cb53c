"""What data and models there are and what was made from what; asks ports, and never knows who shows it."""
