"""How many events wait or run, by function: the bound of the queue, kept in memory so that accepting need not count.

Must not know storage.
"""

from collections.abc import Mapping

from lamplighter.invocation.asynchronous.shares import is_at_share


class Backlog:
    """`limit` events in all; one function may fill what it leaves to all others, so at most half."""

    def __init__(self, sizes: Mapping[str, int], limit: int) -> None:
        self._sizes = dict(sizes)
        self._limit = limit
        self.total = sum(self._sizes.values())

    def of(self, group: str) -> int:
        return self._sizes.get(group, 0)

    def is_full(self, group: str) -> bool:
        return is_at_share(self.of(group), self.total, self._limit)

    def add(self, group: str) -> None:
        self._sizes[group] = self._sizes.get(group, 0) + 1
        self.total += 1

    def remove(self, group: str) -> None:
        self.total -= 1
        remaining = self._sizes[group] - 1
        if remaining:
            self._sizes[group] = remaining
        else:
            del self._sizes[group]
