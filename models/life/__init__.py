"""Life: estimators of how long a unit has left before it fails."""
