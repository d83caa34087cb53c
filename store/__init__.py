"""Stores: one port and its adapters; must know nothing of sources, models or pages."""
