"""Models: detectors and decisions, the same code for live and batch scoring; knows nothing of alarms or transports."""
