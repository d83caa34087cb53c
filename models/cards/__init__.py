"""Model cards: what a model is for, what it was trained on, how well it does and when not to rely on it."""
