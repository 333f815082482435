"""Isolation drivers behind one small Protocol, and the runtimes (root filesystems) they run."""
