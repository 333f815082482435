"""Memory of large messages is used again instead of being asked for anew."""

import platform
import subprocess
import sys

import pytest

# The page faults of a hundred buffers of 6 MB, one after the other.
PROBE = """
import resource, sys
from lamplighter.wire.large_buffers import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def work():
    for _ in range(100):
        parts = [bytes(250_000) for _ in range(24)]
        whole = b"".join(parts)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(kind: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROBE, kind], capture_output=True, check=True, timeout=60)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_large_buffers_come_from_memory_that_is_there() -> None:
    assert faults("kept") < 2000
    assert faults("kept") < faults("usual") / 5
