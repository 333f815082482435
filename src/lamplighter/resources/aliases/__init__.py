"""Aliases: names for versions, with weights."""
