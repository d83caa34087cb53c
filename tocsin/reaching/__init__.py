"""Reaching a box or a fleet for what it recorded, and bringing it more; whether it runs or not."""
