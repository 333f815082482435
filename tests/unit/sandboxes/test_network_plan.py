"""The egress policy: how it is written, which addresses it opens, and how sandboxes are told apart."""

from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from lamplighter.sandboxes.network_gateway import pack_addresses, read_rules, unpack_addresses
from lamplighter.sandboxes.network_plan import (
    SANDBOXES,
    EgressPolicy,
    OpenAddresses,
    Opening,
    open_addresses,
    plan_network,
    plan_uplink,
    read_openings,
    read_resolver,
    usable_resolver,
)
from lamplighter.sandboxes.network_rules import gateway_rules, host_rules

NETWORK = IPv4Network("10.1.0.0/16")


def test_text_and_lists_say_the_same() -> None:
    wanted = (
        Opening(network=NETWORK),
        Opening(network=IPv4Network("10.2.3.4/32"), port=5432),
        Opening(host="api.example.com", port=443),
        Opening(host="db"),
    )

    assert read_openings("10.1.0.0/16, 10.2.3.4:5432,API.example.com.:443 , db,") == wanted
    assert read_openings(["10.1.0.0/16", "10.2.3.4:5432", "api.example.com:443", "db"]) == wanted


# Any: what an operator may write.
@pytest.mark.parametrize(
    "value", ["10.1.0.1/16", "10.1.0.0/33", "10.1", "a b", "-a", "host:0", "host:65536", "host:x", "fd00::/8", [7]]
)
def test_odd_openings_are_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each has its own words
        read_openings(value)


def test_a_name_opens_the_public_addresses_it_has_now_and_never_a_closed_range() -> None:
    public = IPv4Address("198.51.100.10")
    closed = tuple(IPv4Address(text) for text in ("169.254.169.254", "10.0.0.1", "127.0.0.1", "192.168.1.1"))
    openings = read_openings("rebound.test:443, free.test, missing.test")

    opened = open_addresses(openings, {"rebound.test": (public, *closed), "free.test": (public, *closed)})

    assert opened == OpenAddresses(frozenset({IPv4Network(public)}), frozenset({(IPv4Network(public), 443)}))


def test_a_network_that_is_named_is_open_even_in_a_closed_range() -> None:
    opened = open_addresses(read_openings("10.1.0.0/16,169.254.169.254:80"), {})

    assert opened == OpenAddresses(frozenset({NETWORK}), frozenset({(IPv4Network("169.254.169.254"), 80)}))
    assert unpack_addresses(pack_addresses(opened)) == opened


def test_sixty_thousand_sandboxes_have_a_device_and_an_address_each() -> None:
    plans = [plan_network(number) for number in range(60_000)]

    assert len({plan.device for plan in plans}) == len({plan.address for plan in plans}) == 60_000
    assert all(plan.address in SANDBOXES and len(plan.device) < 16 for plan in plans)
    assert plan_network(1) == plan_network(1 + SANDBOXES.num_addresses - 32)


def test_each_server_has_its_own_way_to_the_host() -> None:
    one, other = plan_uplink(0xFFFFFFFF), plan_uplink(7)

    assert len(one.device) < 16
    assert one.device != other.device
    assert {one.host, one.gateway}.isdisjoint({other.host, other.gateway})


def test_a_resolver_on_the_machines_loopback_is_passed_over() -> None:
    stub, real = "nameserver 127.0.0.53\noptions edns0\n", "# real\nnameserver fe80::1%eth0\nnameserver 10.0.0.2\n"

    assert usable_resolver([stub, real]) == IPv4Address("10.0.0.2")
    assert usable_resolver([stub]) is None
    assert read_resolver("none") == "none"
    with pytest.raises(ValueError, match=r"fd00"):
        read_resolver("fd00::2")


def test_a_gateway_is_needed_for_a_way_out_or_for_the_api() -> None:
    assert not EgressPolicy().needs_gateway
    assert EgressPolicy(has_api=True).needs_gateway
    assert not EgressPolicy(has_api=True).is_connected
    assert EgressPolicy(mode="nat").needs_gateway
    assert EgressPolicy().variables == {}
    assert EgressPolicy(has_api=True).variables == {"AWS_ENDPOINT_URL_LAMBDA": "http://169.254.78.1:4566"}


def test_only_nat_lets_through_what_no_rule_names() -> None:
    def last_of_forward(mode: str) -> str:
        text = gateway_rules(read_rules(mode, "-", "none", "7"), OpenAddresses())
        chain = text.partition("chain forward {")[2].partition("}\n  chain prerouting")[0]
        return [line.strip() for line in chain.splitlines() if line.strip()][-2]

    assert last_of_forward("nat") == "accept"
    assert last_of_forward("allow").startswith("ip daddr @closed reject")
    assert last_of_forward("off") == "ct state established,related accept"


def test_the_hosts_own_addresses_are_open_only_where_exactly_one_is_named() -> None:
    opened = open_addresses(read_openings("10.1.0.0/16,192.168.0.0/24:80,192.168.0.9:5432,192.168.0.8"), {})

    chain = (
        host_rules(read_rules("nat", "-", "10.0.0.2", "7"), opened).partition("chain input {")[2].partition("}\n  c")[0]
    )

    accepted = [line.split(" accept")[0].partition("ip daddr ")[2] for line in chain.splitlines() if "ip daddr" in line]
    assert accepted == [
        "192.168.0.8/32",
        "192.168.0.9/32 meta l4proto { tcp, udp } th dport 5432",
        "10.0.0.2 meta l4proto { tcp, udp } th dport 53",
    ]
