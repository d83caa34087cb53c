"""Files and pandas frames into tables that models are fitted on; knows no model, only what its channels are called."""
