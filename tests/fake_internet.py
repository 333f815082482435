"""A small world to send packets into: network namespaces that play this machine and the internet, joined by a cable.

The real machine's devices, rules and settings are never touched. What runs `on_host` believes that its namespace is
the machine; the internet answers on the addresses in `INTERNET`. Needs root and ip.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

HOST = "203.0.113.2"
PUBLIC = "198.51.100.10"
RESOLVER = "198.51.100.53"
PRIVATE = ("10.20.30.40", "172.16.5.5", "192.168.77.1", "100.64.0.9", "169.254.169.254", "198.18.77.7", "240.0.0.1")
INTERNET = (PUBLIC, RESOLVER, *PRIVATE)
TCP_PORTS = (25, 80, 443)
HOST_PORT = 7000
SECONDS = 60.0
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_ENVIRONMENT = {**os.environ, "PATH": PATH}


def has_programs() -> bool:
    """Whether the world can be built, and ruled."""
    return all(shutil.which(program, path=PATH) for program in ("nft", "ip", "nsenter", "unshare"))


@dataclass
class World:
    """`host` is a process in the machine's namespace, `loop` an event loop that runs there."""

    host: int
    loop: asyncio.AbstractEventLoop

    def on_host(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it on the machine's event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(SECONDS)

    def shell(self, command: str) -> str:
        """What a command says on the machine."""
        told = subprocess.run(
            ["nsenter", f"--net=/proc/{self.host}/ns/net", "sh", "-c", command],
            capture_output=True,
            text=True,
            check=True,
            env=_ENVIRONMENT,
        )
        return told.stdout


def in_network(pid: int, function: Callable[[], T]) -> T:
    """Call the function in the network namespace of a process, on a thread that is used for nothing else."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            enter(pid)
            done.set_result(function())
        except BaseException as error:  # noqa: BLE001  # handed to the caller
            done.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(SECONDS)
    return done.result(0)


def enter(pid: int) -> None:
    """Put the calling thread into the network namespace of a process."""
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)


@contextmanager
def fake_internet() -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        host, internet = stack.enter_context(namespace()), stack.enter_context(namespace())
        _lay_cable(host, internet)
        world = World(host, stack.enter_context(_running_loop(host)))
        for port in TCP_PORTS:
            stack.enter_context(_tcp_server(internet, port))
        stack.enter_context(_resolver(internet))
        stack.enter_context(_tcp_server(host, HOST_PORT))
        yield world


@contextmanager
def namespace() -> Iterator[int]:
    """A process that holds a network namespace of its own; its number."""
    command = "ip link set lo up; echo; exec sleep 600 >&2"
    with subprocess.Popen(
        ["unshare", "--net", "sh", "-c", command], stdout=subprocess.PIPE, env=_ENVIRONMENT
    ) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline(), "unshare failed"
            yield holder.pid
        finally:
            holder.kill()


def _lay_cable(host: int, internet: int) -> None:
    inside = f"nsenter --net=/proc/{host}/ns/net"
    outside = f"nsenter --net=/proc/{internet}/ns/net"
    commands = [
        f"{inside} ip link add wan type veth peer name lan netns {internet}",
        f"{inside} ip address add {HOST}/24 dev wan",
        f"{inside} ip link set wan up",
        f"{outside} ip address add 203.0.113.1/24 dev lan",
        f"{outside} ip link set lan up",
        *(f"{outside} ip address add {address}/32 dev lo" for address in INTERNET),
        f"{inside} ip route add default via 203.0.113.1",
        f"{inside} sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'",
    ]
    subprocess.run(["sh", "-ec", "\n".join(commands)], check=True, env=_ENVIRONMENT)


@contextmanager
def _running_loop(pid: int) -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()

    def run() -> None:
        enter(pid)
        asyncio.set_event_loop(loop)
        loop.run_forever()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def _tcp_server(pid: int, port: int) -> Iterator[None]:
    """Tells every caller its own address and hangs up."""
    listener = in_network(pid, lambda: socket.create_server(("", port)))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, caller = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.sendall(caller[0].encode())

    yield from _serving(listener, serve)


@contextmanager
def _resolver(pid: int) -> Iterator[None]:
    """Every name is PUBLIC's."""
    sock = in_network(pid, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    in_network(pid, lambda: sock.bind((RESOLVER, 53)))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                query, caller = sock.recvfrom(512)
                if not query:
                    return
                end = query.index(b"\0", 12) + 5
                is_address = query[end - 4 : end - 2] == b"\0\1"
                head = query[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_address else b"\0\0") + b"\0\0\0\0"
                answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(PUBLIC) if is_address else b""
                sock.sendto(head + query[12:end] + answer, caller)

    yield from _serving(sock, serve)


def _serving(sock: socket.socket, serve: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        thread.join()
        sock.close()
