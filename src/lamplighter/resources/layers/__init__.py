"""Layers: numbered immutable packages that functions share."""
