"""Function URLs: what they are, how they are named and kept."""
