"""The gateway: a small process that holds the network namespace in which the other ends of all sandboxes' devices lie.

It carries the rules out with ip and nft and does nothing else. When the server's socket closes, however the server
ended, it takes its device and its table off the host; the namespace goes with the last one who holds it. Started by
network.py; must not know sandboxes.
"""

# pathlib is too heavy for the gateway
# ruff: noqa: PTH123

import ctypes
import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from ipaddress import IPv4Address, IPv4Network

from lamplighter.sandboxes.namespaces.messages import pack, receive, send
from lamplighter.sandboxes.network_plan import API_PORT, SERVICES, OpenAddresses, plan_uplink
from lamplighter.sandboxes.network_rules import Rules, gateway_rules, host_rules, host_table, opened

_CLONE_NEWNET = 0x40000000
_LOCK_SECONDS = 5.0
_LIBC = ctypes.CDLL(None, use_errno=True)


class CommandRefused(Exception):
    """ip or nft did not do what it was told; says why."""


def run(*command: str, text: str = "") -> None:
    """Run a command of the system. Raises CommandRefused."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandRefused(f"{command[0]}: {done.stderr.strip() or done.returncode}")


def unshare_network() -> None:
    """A new network namespace, with nothing in it, for this process."""
    # JUSTIFICATION: the namespace that separates sandboxes from the host. SAFETY: changes nothing but this process.
    if _LIBC.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET)")


def enter_network(namespace: int) -> None:
    """Become part of a network namespace that a descriptor stands for."""
    if _LIBC.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns(CLONE_NEWNET)")


class Gateway:
    """The two namespaces and what is in them."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._host = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.namespace = -1

    def open(self, addresses: OpenAddresses) -> None:
        """Make everything anew; what an earlier life left on the host is removed first."""
        self._clear_host()
        unshare_network()
        self.namespace = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        for name, value in (
            ("ipv6/conf/all/disable_ipv6", "1"),
            ("ipv6/conf/default/disable_ipv6", "1"),
            ("ipv4/conf/all/rp_filter", "1"),  # a sandbox sends from its own address only
            ("ipv4/conf/default/rp_filter", "1"),
            ("ipv4/ip_forward", "1"),
        ):
            _set_own(name, value)
        run("nft", "-f", "-", text=gateway_rules(self._rules, addresses))
        run("ip", "link", "set", "lo", "up")
        run("ip", "address", "add", f"{SERVICES}/32", "dev", "lo")
        if self._rules.is_connected:
            self._connect(addresses)

    def _connect(self, addresses: OpenAddresses) -> None:
        uplink = self._rules.uplink
        host = f"/proc/{os.getpid()}/fd/{self._host}"
        run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", uplink.device, "netns", host)
        run("ip", "address", "add", f"{uplink.gateway}/{uplink.prefix}", "dev", "uplink")
        run("ip", "link", "set", "uplink", "up")
        self._on_host(addresses)
        run("ip", "route", "add", "default", "via", str(uplink.host))

    def _on_host(self, addresses: OpenAddresses) -> None:
        uplink = self._rules.uplink
        enter_network(self._host)
        try:
            # JUSTIFICATION: without them nothing leaves the machine. SAFETY: a table and a device with names of our
            # own; no chain of anybody else is touched, and no setting of the host's.
            run("nft", "-f", "-", text=host_rules(self._rules, addresses))
            run("ip", "link", "set", uplink.device, "addrgenmode", "none")
            run("ip", "address", "add", f"{uplink.host}/{uplink.prefix}", "dev", uplink.device)
            run("ip", "link", "set", uplink.device, "up")
        finally:
            enter_network(self.namespace)

    def listen(self) -> socket.socket:
        """The listener of the Lambda API, as sandboxes see it."""
        return socket.create_server((str(SERVICES), API_PORT), backlog=128)

    def open_to(self, addresses: OpenAddresses) -> None:
        """Names have been resolved anew."""
        run("nft", "-f", "-", text=opened(addresses))

    def close(self) -> None:
        enter_network(self._host)
        self._clear_host()

    def _clear_host(self) -> None:
        uplink = self._rules.uplink
        for command in (("nft", "delete", "table", "ip", host_table(uplink)), ("ip", "link", "delete", uplink.device)):
            subprocess.run(command, capture_output=True, check=False)  # mostly it is not there


def _set_own(name: str, value: str) -> None:
    """A setting of this process's network namespace; what the kernel was built without needs none."""
    try:
        with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
            file.write(value)
    except FileNotFoundError:
        return


def _lock(path: str) -> int:
    """One gateway for each state directory; an earlier one may still be clearing up."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return lock


def pack_addresses(addresses: OpenAddresses) -> str:
    """Open addresses as one field of a message."""
    ports = [[str(network), port] for network, port in sorted(addresses.ports)]
    return json.dumps([[str(network) for network in sorted(addresses.networks)], ports])


def unpack_addresses(text: str) -> OpenAddresses:
    networks, ports = json.loads(text)
    return OpenAddresses(
        frozenset(IPv4Network(network) for network in networks),
        frozenset((IPv4Network(network), port) for network, port in ports),
    )


def read_rules(mode: str, api: str, resolver: str, instance: str) -> Rules:
    """The rules from the words of the command line."""
    return Rules(
        is_connected=mode != "off",
        is_nat=mode == "nat",
        has_api=api == "api",
        resolver=None if resolver == "none" else IPv4Address(resolver),
        uplink=plan_uplink(int(instance)),
    )


def _serve(server: socket.socket, gateway: Gateway, first: OpenAddresses, *, has_api: bool) -> None:
    try:
        gateway.open(first)
        descriptors = [gateway.namespace]
        if has_api:
            listener = gateway.listen()
            descriptors.append(listener.fileno())
        send(server, pack("ready"), descriptors)
        if has_api:
            listener.close()
    except (CommandRefused, OSError) as error:
        send(server, pack("refused", str(error)))
        return
    while (got := receive(server)) is not None:
        try:
            gateway.open_to(unpack_addresses(got[0][1]))
        except CommandRefused as error:
            send(server, pack("trouble", str(error)))


def main(arguments: list[str]) -> None:
    """`gateway SOCKET_FD LOCK_FILE MODE api|- RESOLVER|none INSTANCE ADDRESSES`, started by Network.open."""
    fd, lock_file, mode, api, resolver, instance, addresses = arguments
    server = socket.socket(fileno=int(fd))
    os.setsid()
    os.chdir("/")
    try:
        lock = _lock(lock_file)
    except OSError:
        send(server, pack("refused", f"another lamplighter holds {lock_file}"))
        return
    rules = read_rules(mode, api, resolver, instance)
    gateway = Gateway(rules)
    try:
        _serve(server, gateway, unpack_addresses(addresses), has_api=rules.has_api)
    finally:
        gateway.close()
        os.close(lock)


if __name__ == "__main__":
    main(sys.argv[1:])
