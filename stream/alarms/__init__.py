"""Alarms: their rules, their states, what people do with them, and the words for it."""
