"""Who may have how much of a bounded thing when many want it: nobody more than is left over for everybody else. Pure.

One alone gets half, two get a third each, n an n+1st: something is always free for whoever comes next, and nobody has
to be known in advance. Used for running events and for waiting ones. Must not know what is shared.
"""

from collections.abc import Collection, Mapping


def is_at_share(held: int, held_by_all: int, limit: int) -> bool:
    """Whether one that holds `held` must wait before it takes more."""
    return held >= limit - held_by_all


def at_share(held: Mapping[str, int], limit: int) -> set[str]:
    """All that must wait."""
    by_all = sum(held.values())
    return {name for name, count in held.items() if is_at_share(count, by_all, limit)}


def batch_size(held: Mapping[str, int], waiting: Collection[str], limit: int) -> int:
    """How many may be handed out at once, whoever of those not `waiting` gets them; 0 when nothing is free."""
    free = limit - sum(held.values())
    if free <= 0:
        return 0
    most = max((count for name, count in held.items() if name not in waiting), default=0)
    return max(1, (free - most) // 2)
