"""The lowest layer: ARNs, ids, clock and limits. Pure; imports the standard library only."""
