"""Each channel by itself: has it ever shown such a value? Watches from the first rows; never sees a file or a label."""
