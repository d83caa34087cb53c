"""Live processing: the pure scoring core, its alarms and the thin shells that run it; knows no broker or database."""
