"""What this machine has room for: environments and their memory, counted from start to the end of the last process.

Two bounds of memory: what all environments were promised together (where an operator sets one), and what the machine
really has left. Pure bookkeeping: must not know who is asking.
"""

from collections.abc import Callable

import msgspec

from lamplighter.environments.machine_memory import Memory

# How often the machine's memory is looked at: whoever found no room may find some so much later, unannounced.
SAMPLE_SECONDS = 1.0
# Of one environment no more than this part is asked for ahead: one larger than the machine may still try.
_LARGEST_PART = 0.25


class Ready(msgspec.Struct, frozen=True, gc=False):
    """How many provisioned environments are initialised: of one version, and of its whole function."""

    version: int
    function: int


class SpareMemory:
    """What the machine can still give. Between two looks, whatever was promised counts as used."""

    def __init__(self, read: Callable[[], Memory | None], share: float, monotonic: Callable[[], float]) -> None:
        self._read = read
        self._share = share
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._memory: Memory | None = None
        self._promised = 0.0

    def holds(self, memory_mib: int) -> bool:
        """Whether one more environment of that size leaves the server and its machine their part."""
        memory = self._look()
        if memory is None:
            return True
        left = memory.available - (1.0 - self._share) * memory.total - self._promised
        return self._asked(memory_mib, memory) <= left

    def promise(self, memory_mib: int) -> None:
        if self._memory is not None:
            self._promised += self._asked(memory_mib, self._memory)

    def _asked(self, memory_mib: int, memory: Memory) -> float:
        return min(float(memory_mib), _LARGEST_PART * self._share * memory.total)

    def _look(self) -> Memory | None:
        now = self._monotonic()
        if now - self._looked_at >= SAMPLE_SECONDS:
            self._looked_at = now
            self._memory = self._read()
            self._promised = 0.0
        return self._memory


class Capacity:
    """Reserve before a start, release when everything is gone."""

    def __init__(
        self, max_environments: int, max_memory_mib: int | None = None, spare: SpareMemory | None = None
    ) -> None:
        self._max_environments = max_environments
        self._max_memory_mib = max_memory_mib
        self._spare = spare
        self.environments = 0
        self.memory_mib = 0

    def has_room(self, memory_mib: int) -> bool:
        if self.environments >= self._max_environments:
            return False
        if self._max_memory_mib is not None and self.memory_mib + memory_mib > self._max_memory_mib:
            return False
        return self._spare is None or self._spare.holds(memory_mib)

    def could_ever_hold(self, memory_mib: int) -> bool:
        """Whether an empty machine would take it."""
        return self._max_environments > 0 and (self._max_memory_mib is None or memory_mib <= self._max_memory_mib)

    def reserve(self, memory_mib: int) -> None:
        self.environments += 1
        self.memory_mib += memory_mib
        if self._spare is not None:
            self._spare.promise(memory_mib)

    def release(self, memory_mib: int) -> None:
        self.environments -= 1
        self.memory_mib -= memory_mib
