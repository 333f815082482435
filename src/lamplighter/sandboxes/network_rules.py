"""The rules of the gateway and of the host as text for nft: what passes, where to, and under whose address. Pure.

The gateway holds the policy; the host's own table, with a name of this server's own, only lets the gateway's traffic
out and keeps it from the host itself. Few imports: the gateway process loads this module.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from lamplighter.sandboxes.network_plan import API_PORT, CLOSED, SERVICES, OpenAddresses, Uplink

_FLOWS = 4096  # connections that one sandbox may have at a time: the kernel's table is everybody's
_SMTP = 25  # closed on Lambda, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the texts are made of."""

    is_connected: bool
    is_nat: bool
    has_api: bool
    resolver: IPv4Address | None
    uplink: Uplink


def gateway_rules(rules: Rules, addresses: OpenAddresses) -> str:
    """Everything for the gateway's empty namespace."""
    forward = _forward(rules) if rules.is_connected else ""
    api = f'iifname "fn*" ip daddr {SERVICES} tcp dport {API_PORT} accept' if rules.has_api else ""
    resolve = ""
    if rules.is_connected and rules.resolver is not None:
        resolve = "\n".join(
            f'    iifname "fn*" ip daddr {SERVICES} {kind} dport 53 dnat ip to {rules.resolver}'
            for kind in ("udp", "tcp")
        )
    return f"""
table inet lamplighter {{
  set closed {{ type ipv4_addr; flags interval; elements = {{ {_joined(CLOSED)} }}; }}
  set networks {{ type ipv4_addr; flags interval; auto-merge; }}
  set ports {{ type ipv4_addr . inet_service; flags interval; }}
  set flows {{ type ipv4_addr; size 65535; flags dynamic; }}
  chain input {{
    type filter hook input priority filter; policy drop;
    ct state established accept
    ct state new add @flows {{ ip saddr ct count over {_FLOWS} }} drop
    {api}
    reject with icmpx admin-prohibited
  }}
  chain forward {{
    type filter hook forward priority filter; policy drop;
    meta nfproto != ipv4 drop
    ct state established,related accept
    {forward}
    reject with icmpx admin-prohibited
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat;
{resolve}
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat;
    oifname "uplink" masquerade
  }}
}}
{opened(addresses)}"""


def _forward(rules: Rules) -> str:
    lines = [
        'iifname != "fn*" drop',
        'oifname != "uplink" reject with icmpx admin-prohibited',
        f"ct state new add @flows {{ ip saddr ct count over {_FLOWS} }} reject with icmpx admin-prohibited",
    ]
    if rules.resolver is not None:
        # Only by way of the gateway's own address, which prerouting has replaced.
        lines.append(f"ct status dnat ip daddr {rules.resolver} meta l4proto {{ tcp, udp }} th dport 53 accept")
    lines += [
        "ip daddr @networks accept",
        "meta l4proto { tcp, udp } ip daddr . th dport @ports accept",
        "ip daddr @closed reject with icmpx admin-prohibited",
    ]
    if rules.is_nat:
        lines += [f"tcp dport {_SMTP} reject with icmpx admin-prohibited", "accept"]
    return "\n    ".join(lines)


def opened(addresses: OpenAddresses) -> str:
    """The openings as they are from now on, replaced in one step."""
    lines = ["flush set inet lamplighter networks", "flush set inet lamplighter ports"]
    if addresses.networks:
        lines.append(f"add element inet lamplighter networks {{ {_joined(sorted(addresses.networks))} }}")
    if addresses.ports:
        pairs = _joined(f"{network} . {port}" for network, port in sorted(addresses.ports))
        lines.append(f"add element inet lamplighter ports {{ {pairs} }}")
    return "\n".join(lines) + "\n"


def host_table(uplink: Uplink) -> str:
    """The name of our table on the host."""
    return f"lamplighter_{uplink.device.removeprefix('lamp-')}"


def host_rules(rules: Rules, addresses: OpenAddresses) -> str:
    """The host's side. Its own addresses are open only where an opening names exactly them."""
    device, table = f'"{rules.uplink.device}"', host_table(rules.uplink)
    own = [f"ip daddr {network} accept" for network in sorted(addresses.networks) if network.prefixlen == 32]  # noqa: PLR2004
    own += [
        f"ip daddr {network} meta l4proto {{ tcp, udp }} th dport {port} accept"
        for network, port in sorted(addresses.ports)
        if network.prefixlen == 32  # noqa: PLR2004  # one address
    ]
    if rules.resolver is not None:
        own.append(f"ip daddr {rules.resolver} meta l4proto {{ tcp, udp }} th dport 53 accept")
    ours = "\n".join(f"    iifname {device} {rule}" for rule in own)
    return f"""
add table ip {table}
delete table ip {table}
table ip {table} {{
  chain input {{
    type filter hook input priority filter - 10; policy accept;
{ours}
    iifname {device} reject with icmp admin-prohibited
  }}
  chain forward {{
    type filter hook forward priority filter - 10; policy accept;
    oifname {device} ct state established,related accept
    oifname {device} drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr {rules.uplink.gateway} oifname != {device} masquerade
  }}
}}
"""


def _joined(things: Iterable[object]) -> str:
    return ", ".join(str(thing) for thing in things)
