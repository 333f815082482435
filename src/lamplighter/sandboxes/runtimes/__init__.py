"""Runtimes: a directory with a root filesystem and a small manifest each, and the importers that make them."""
