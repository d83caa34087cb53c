"""Which model is at work where, and what changes that."""
