"""Listeners: bytes in, bytes out."""
