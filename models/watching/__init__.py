"""Whether what comes to a model, or from it, is still what it was trained on; knows arrays, and no store or file."""
