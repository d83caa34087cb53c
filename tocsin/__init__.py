"""The command and the composition root: reads one config and wires rooms into a box."""
