"""Features: what a row looks like in the light of the rows before it; one code for training, batch and live."""
