"""The network of all sandboxes, seen from the server: starts the gateway, hands out plans, keeps names up to date.

`open_network` gives None where sandboxes have nothing but their loopback. Must not know drivers: one that can connect
a sandbox takes a plan and the gateway's namespace from here.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import sys
import zlib
from collections.abc import Mapping
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path

from lamplighter.sandboxes.namespaces.messages import pack, receive, send
from lamplighter.sandboxes.network_gateway import pack_addresses
from lamplighter.sandboxes.network_plan import (
    SERVICES,
    EgressPolicy,
    NetworkPlan,
    open_addresses,
    plan_network,
    usable_resolver,
)
from lamplighter.sandboxes.sandbox import Bind, SandboxFailed

_log = logging.getLogger(__name__)
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from lamplighter.sandboxes.network_gateway import main; main(sys.argv[1:])"
)
_START_SECONDS = 30.0
_NAMES_SECONDS = 30.0
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_RESOLVER_FILES = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))


class NetworkRefused(SandboxFailed):
    """The egress policy cannot be carried out on this machine; says what is missing."""


def _path() -> str:
    """Where programs for administrators lie, too."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def lacks_for(policy: EgressPolicy) -> str:
    """What this machine lacks for the policy, as a sentence; empty when nothing."""
    if not policy.needs_gateway:
        return ""
    if os.geteuid() != 0:
        return "egress needs root, to make network devices and firewall rules"
    for program, package in (("nft", "nftables"), ("ip", "iproute2")):
        if shutil.which(program, path=_path()) is None:
            return f"egress needs {program} (apt-get install {package})"
    if policy.is_connected and _FORWARDING.read_text().strip() == "0":
        return "egress needs the host to forward packets (sysctl -w net.ipv4.ip_forward=1)"
    return ""


class Network:
    """The gateway of this server. `api_listener` is where functions call the Lambda API, if they may."""

    def __init__(self, policy: EgressPolicy, process: asyncio.subprocess.Process, channel: socket.socket) -> None:
        self._policy = policy
        self._process = process
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._numbers = count()
        self._names: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[list[int]] = self._loop.create_future()
        self._binds: tuple[Bind, ...] = ()
        self.namespace = -1
        self.api_listener: socket.socket | None = None

    @classmethod
    async def open(cls, policy: EgressPolicy, state_dir: Path) -> "Network":
        """Raises NetworkRefused."""
        lack = lacks_for(policy)
        if lack:
            raise NetworkRefused(f"{lack}; or set egress to off")
        place = _make_place(state_dir)
        resolver = _resolver(policy)
        names = await _resolve(policy)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        with theirs:
            arguments = [
                str(theirs.fileno()),
                str(place / "gateway.lock"),
                policy.mode,
                "api" if policy.has_api else "-",
                str(resolver or "none"),
                str(zlib.crc32(os.fsencode(place))),
                pack_addresses(open_addresses(policy.openings, names)),
            ]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _BOOT, str(_PACKAGE_ROOT), *arguments),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PATH": _path()},
            )
        network = cls(policy, process, ours)
        await network._wait_ready()  # its own
        network._write_resolver(place / "resolv.conf", has_resolver=policy.is_connected and resolver is not None)
        if any(opening.host for opening in policy.openings):
            network._names = asyncio.create_task(network._keep_names(names), name="names of the egress policy")
        return network

    async def _wait_ready(self) -> None:
        self._loop.add_reader(self._channel.fileno(), self._read)
        try:
            self.namespace, *rest = await asyncio.wait_for(self._ready, _START_SECONDS)
        except BaseException:
            await self.close()
            raise
        if rest:
            self.api_listener = socket.socket(fileno=rest[0])
            self.api_listener.setblocking(False)

    def _read(self) -> None:
        got = receive(self._channel)
        if got is None:
            self._loop.remove_reader(self._channel.fileno())
            if not self._ready.done():
                self._ready.set_exception(NetworkRefused("the gateway ended while it was starting"))
            else:
                _log.error("the gateway has ended: what names open stays as it is until the server is started again")
            return
        (kind, *words), descriptors = got
        if kind == "ready":
            self._ready.set_result(descriptors)
        elif kind == "refused" and not self._ready.done():
            self._ready.set_exception(NetworkRefused(f"the network of functions could not be made: {words[0]}"))
        else:
            _log.error("the rules of the network could not be changed: %s", words[0])

    def _write_resolver(self, file: Path, *, has_resolver: bool) -> None:
        if has_resolver:
            file.write_text(f"nameserver {SERVICES}\noptions timeout:2 attempts:3\n")
            file.chmod(0o644)
            self._binds = (Bind(file, "/etc/resolv.conf"),)

    # --- for drivers

    def plan(self) -> NetworkPlan:
        """How the next sandbox is connected."""
        return plan_network(next(self._numbers))

    @property
    def binds(self) -> tuple[Bind, ...]:
        """Files that a connected sandbox needs."""
        return self._binds

    # --- names

    async def _keep_names(self, known: Mapping[str, tuple[IPv4Address, ...]]) -> None:
        while True:
            await asyncio.sleep(_NAMES_SECONDS)
            found = {**known, **{name: at for name, at in (await _resolve(self._policy)).items() if at}}
            if found != known:
                known = found
                addresses = open_addresses(self._policy.openings, found)
                with contextlib.suppress(OSError):  # the gateway has ended; that was told
                    send(self._channel, pack("open", pack_addresses(addresses)))

    async def close(self) -> None:
        """Take the gateway down; returns when nothing of it is left on the host."""
        if self._names is not None:
            self._names.cancel()
        self._loop.remove_reader(self._channel.fileno())
        self._channel.close()
        if self.api_listener is not None:
            self.api_listener.close()
        if self.namespace >= 0:
            os.close(self.namespace)
            self.namespace = -1
        with contextlib.suppress(ProcessLookupError):
            await self._process.wait()


async def open_network(policy: EgressPolicy, state_dir: Path) -> Network | None:
    """The network that the policy asks for; None for loopback only. Raises NetworkRefused."""
    return await Network.open(policy, state_dir) if policy.needs_gateway else None


def _make_place(state_dir: Path) -> Path:
    place = state_dir.resolve() / "network"
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)  # the sandboxes mount a file of it
    return place


def _resolver(policy: EgressPolicy) -> IPv4Address | None:
    if policy.resolver == "none" or not policy.is_connected:
        return None
    if policy.resolver is not None:
        return IPv4Address(policy.resolver)
    found = usable_resolver(file.read_text() for file in _RESOLVER_FILES if file.exists())
    if found is None:
        _log.warning(
            "functions cannot resolve names: this machine's name server is on its loopback; set egress_resolver"
        )
    return found


async def _resolve(policy: EgressPolicy) -> dict[str, tuple[IPv4Address, ...]]:
    """The addresses of every host that the policy names; none where it cannot be resolved now."""
    hosts = sorted({opening.host for opening in policy.openings if opening.host})
    found = await asyncio.gather(*(_addresses_of(host) for host in hosts))
    return dict(zip(hosts, found, strict=True))


async def _addresses_of(host: str) -> tuple[IPv4Address, ...]:
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
    except OSError as error:
        _log.warning("egress to %s is closed for now: %s", host, error)
        return ()
    return tuple(sorted({IPv4Address(answer[4][0]) for answer in answers}))
