"""What functions without a VPC may reach, and how one sandbox is connected. Pure.

A sandbox has nothing but its loopback unless a policy says otherwise. Then it gets one device whose other end lies in
the gateway, a network namespace of its own: everything it sends passes the gateway's rules. The metadata service,
private ranges and this machine stay closed unless a rule names them. Must not know how any of it is brought about.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

MODES = ("off", "nat", "allow")
# Where sandboxes find the resolver and, if that is wanted, the Lambda API: Lambda's own address for its resolver.
SERVICES = IPv4Address("169.254.78.1")
API_PORT = 4566
# The network for benchmarks, which nobody routes: the first half for sandboxes, the second for the ways to the host.
SANDBOXES = IPv4Network("198.18.0.0/16")
UPLINKS = IPv4Network("198.19.0.0/16")
_FIRST_SANDBOX = 16

# Special-purpose addresses: none of them is on the internet. https://www.iana.org/assignments/iana-ipv4-special-registry
CLOSED = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.IGNORECASE)
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Opening:
    """A destination that is open: a network, or a host by name, on one port or (None) on all."""

    network: IPv4Network | None = None
    host: str = ""
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressPolicy:
    """What every function may reach. `nat`: the internet and the openings; `allow`: the openings only.

    `resolver`: the name server that functions ask, None: the one this machine asks; "none": names are not resolved.
    `has_api`: whether functions may call this server's Lambda API.
    """

    mode: str = "off"
    openings: tuple[Opening, ...] = ()
    resolver: str | None = None
    has_api: bool = False

    @property
    def is_connected(self) -> bool:
        """Whether sandboxes have a way out of this machine."""
        return self.mode != "off"

    @property
    def needs_gateway(self) -> bool:
        return self.is_connected or self.has_api

    @property
    def variables(self) -> dict[str, str]:
        """What tells functions' SDKs where the Lambda API is; a function may say otherwise."""
        return {"AWS_ENDPOINT_URL_LAMBDA": f"http://{SERVICES}:{API_PORT}"} if self.has_api else {}


@dataclass(frozen=True, slots=True)
class NetworkPlan:
    """How one sandbox is connected: its address, and the name of its device's end in the gateway.

    Which rules apply to it the gateway tells by the device and the address, so security groups are sets of them.
    """

    device: str
    address: IPv4Address
    gateway: IPv4Address = SERVICES


def plan_network(number: int) -> NetworkPlan:
    """The plan of the sandbox with this running number; numbers come round after some sixty thousand sandboxes."""
    index = _FIRST_SANDBOX + number % (SANDBOXES.num_addresses - 2 * _FIRST_SANDBOX)
    return NetworkPlan(f"fn{index}", SANDBOXES[index])


@dataclass(frozen=True, slots=True)
class Uplink:
    """The gateway's way to the host: a pair of devices with an address each."""

    device: str
    host: IPv4Address
    gateway: IPv4Address
    prefix: int = 30


def plan_uplink(instance: int) -> Uplink:
    """Each server of a machine has its own; `instance` tells them apart."""
    network = IPv4Network((int(UPLINKS.network_address) + instance % (UPLINKS.num_addresses // 4) * 4, 30))
    return Uplink(f"lamp-{instance:08x}", network[1], network[2])


@dataclass(frozen=True, slots=True)
class OpenAddresses:
    """The openings as addresses: whole networks, and networks on one port."""

    networks: frozenset[IPv4Network] = frozenset()
    ports: frozenset[tuple[IPv4Network, int]] = frozenset()


def open_addresses(openings: Iterable[Opening], resolved: dict[str, tuple[IPv4Address, ...]]) -> OpenAddresses:
    """What the rules let through, with the hosts' names as they are resolved now.

    A name never opens a closed range: whoever runs its zone could point it at the metadata service.
    """
    networks: set[IPv4Network] = set()
    ports: set[tuple[IPv4Network, int]] = set()
    for opening in openings:
        named = [IPv4Network(address) for address in resolved.get(opening.host, ()) if not is_closed(address)]
        for network in [opening.network] if opening.network is not None else named:
            if opening.port is None:
                networks.add(network)
            else:
                ports.add((network, opening.port))
    return OpenAddresses(frozenset(networks), frozenset(ports))


def is_closed(address: IPv4Address) -> bool:
    return any(address in network for network in CLOSED)


# --- the settings


def read_openings(value: Any) -> tuple[Opening, ...]:
    """A list, or text with ',' between the entries: NETWORK, NETWORK:PORT, HOST, HOST:PORT. Raises ValueError."""
    entries = [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
    return tuple(_opening(entry) for entry in entries if entry)


def _opening(entry: Any) -> Opening:
    if not isinstance(entry, str):
        raise ValueError(f"{entry!r} is no network and no host")  # noqa: TRY004  # told as a value
    place, colon, number = entry.partition(":")
    port = None
    if colon:
        if not number.isdecimal() or not 0 < int(number) <= _LAST_PORT:
            raise ValueError(f"{entry}: a port is a number from 1 to 65535, and only IPv4 is connected")
        port = int(number)
    try:
        return Opening(network=IPv4Network(place), port=port)
    except ValueError:
        if re.fullmatch(r"[0-9./]*", place) or not _HOST.fullmatch(place):
            raise ValueError(f"{entry} is no network (such as 10.1.0.0/16) and no host") from None
    return Opening(host=place.lower().rstrip("."), port=port)


def read_resolver(value: Any) -> str:
    """An IPv4 address, or none. Raises ValueError."""
    if value == "none":
        return "none"
    return str(IPv4Address(value))


def usable_resolver(texts: Iterable[str]) -> IPv4Address | None:
    """The first name server in the texts of resolv.conf files that can be reached from outside this machine's
    loopback.
    """
    for text in texts:
        for line in text.splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver":
                try:
                    address = ipaddress.ip_address(words[1])
                except ValueError:
                    continue
                if isinstance(address, IPv4Address) and not address.is_loopback:
                    return address
    return None
