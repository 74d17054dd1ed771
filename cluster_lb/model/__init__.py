"""Pure nouns of the cluster: no I/O, no clock, no settings."""
