"""Tells the C library to keep the memory of large messages for the next ones.

By default glibc gives every buffer of a 6 MB invoke back to the kernel, which clears the same pages again for the next
one: half of what such an invoke costs the server. Must not know messages.
"""

import ctypes

_MIB = 1024 * 1024
# mallopt's numbers, from malloc.h. Blocks up to the first come from the heap, whose free end is kept up to the second.
_SETTINGS = ((-3, 32 * _MIB), (-1, 64 * _MIB), (-2, 16 * _MIB))


def keep_freed_memory() -> bool:
    """Once, at the start of the process. False where the C library has no such setting."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return all(mallopt(number, value) == 1 for number, value in _SETTINGS)
