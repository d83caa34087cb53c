"""The fleet's shell around the core: Faust, in the one shape that was found to lose nothing (docs/decisions/0010)."""
