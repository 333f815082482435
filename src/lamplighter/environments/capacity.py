"""What this machine has room for: environments and their memory, counted from start to the end of the last process.

Pure bookkeeping: must not know who is asking.
"""

import msgspec


class Ready(msgspec.Struct, frozen=True, gc=False):
    """How many provisioned environments are initialised: of one version, and of its whole function."""

    version: int
    function: int


class Capacity:
    """Reserve before a start, release when everything is gone."""

    def __init__(self, max_environments: int, max_memory_mib: int | None = None) -> None:
        self._max_environments = max_environments
        self._max_memory_mib = max_memory_mib
        self.environments = 0
        self.memory_mib = 0

    def has_room(self, memory_mib: int) -> bool:
        if self.environments >= self._max_environments:
            return False
        return self._max_memory_mib is None or self.memory_mib + memory_mib <= self._max_memory_mib

    def could_ever_hold(self, memory_mib: int) -> bool:
        """Whether an empty machine would take it."""
        return self._max_environments > 0 and (self._max_memory_mib is None or memory_mib <= self._max_memory_mib)

    def reserve(self, memory_mib: int) -> None:
        self.environments += 1
        self.memory_mib += memory_mib

    def release(self, memory_mib: int) -> None:
        self.environments -= 1
        self.memory_mib -= memory_mib
