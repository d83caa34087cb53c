"""Edges: sources into a durable outbox onto a bus; must stay light, so no numpy and no store here."""
