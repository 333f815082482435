"""Event source mappings: which source invokes which function, and how."""
