"""The life of a model told in one piece, on machines and on test benches, as fast as log, core and store allow."""
