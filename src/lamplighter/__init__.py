"""lamplighter: your own Lambda. The folder tree is the architecture; ARCHITECTURE.md is its map."""

__version__ = "0.1.0"
