"""What can be typed: the commands, their options and what they print; nothing of how it is done."""
