"""Shared memory, message queues and the host name are the sandbox's own."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.security.conftest import Cell
from tests.security.judging import judge
from tests.security.probe import Probe

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIBC = ctypes.CDLL(None, use_errno=True)
KEY = 271_828
QUEUE = "/lamplighter-canary"


@contextmanager
def shared_memory() -> Iterator[None]:
    segment = LIBC.shmget(KEY, 4096, 0o1666)
    assert segment >= 0
    try:
        yield
    finally:
        LIBC.shmctl(segment, 0, None)


@contextmanager
def message_queue() -> Iterator[None]:
    queue = LIBC.mq_open(QUEUE.encode(), os.O_CREAT | os.O_RDWR, 0o666, None)
    assert queue >= 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        os.close(queue)
        LIBC.mq_unlink(QUEUE.encode())


async def test_shared_memory_of_the_host_is_not_there(cell: Cell) -> None:
    with shared_memory():
        probe = Probe("attach shared memory of the host", ("attach_shared_memory", str(KEY)), "ipc", "power")
        await judge(cell, probe, (probe,))


async def test_a_message_queue_of_the_host_is_not_there(cell: Cell) -> None:
    with message_queue():
        probe = Probe("open a message queue of the host", ("open_message_queue", QUEUE), "ipc", "power")
        await judge(cell, probe, (probe,))


async def test_the_hosts_name_is_not_told(cell: Cell) -> None:
    probe = Probe("learn the host's name", ("host_name_is", os.uname().nodename), "uts")
    await judge(cell, probe, (probe,))
