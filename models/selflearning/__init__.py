"""The self-learning detector: watches a device together from its first minutes; never sees a file or a label."""
