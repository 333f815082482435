"""Functions: their configuration, rules and stored form."""
