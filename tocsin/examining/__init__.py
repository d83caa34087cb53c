"""Everything that is wrong with a config, and with what it made."""
