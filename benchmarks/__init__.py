"""Measurements that anyone can repeat: scripts/bench NAME. Ratios inside one run count, absolute rates do not."""
