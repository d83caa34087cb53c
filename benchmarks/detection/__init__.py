"""How well the self-learning detector sees: false alarms, faults found, public data, speed; through the models' API."""
