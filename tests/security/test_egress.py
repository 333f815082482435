"""Egress: what functions may reach by each policy, what stays closed under all of them, and what is left afterwards.

Everything happens in network namespaces that play the machine and the internet.
"""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lamplighter.sandboxes.namespaces.driver import NamespaceDriver
from lamplighter.sandboxes.network import Network, NetworkRefused, open_network
from lamplighter.sandboxes.network_plan import API_PORT, SERVICES, EgressPolicy, read_openings
from tests.fake_internet import HOST, HOST_PORT, PRIVATE, PUBLIC, RESOLVER, SECONDS, World, fake_internet, has_programs
from tests.live_sandboxes import PYTHON, House, is_root, read_line, state_directory

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="needs root: network devices and firewall rules"),
    pytest.mark.skipif(not has_programs(), reason="needs nft, ip, nsenter and unshare"),
]

# Each attempt on a thread of its own: refused ones are told at once, dropped ones take the whole time.
ATTEMPTS = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def attempt(target):
    try:
        if target.startswith("name:"):
            return socket.gethostbyname(target[5:])
        host, port = target.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=3) as connection:
            connection.settimeout(3)
            return connection.recv(64).decode()
    except TimeoutError:
        return "timeout"
    except socket.gaierror as error:
        return "gaierror"
    except OSError as error:
        return error.errno

with ThreadPoolExecutor(32) as threads:
    print(json.dumps(dict(zip(sys.argv[1:], threads.map(attempt, sys.argv[1:])))))
"""
LISTEN = """
import socket, time
listener = socket.create_server(("", 8080))
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(("198.51.100.10", 9))
print(probe.getsockname()[0], flush=True)
time.sleep(60)
"""
DEVICES = "ip -brief link"
LOOK = f"nft list ruleset; {DEVICES}"
ROOT = Path(__file__).parents[2]
CLOSED = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ECONNREFUSED, errno.EACCES, "timeout"}


class Server:
    """A driver with a network, as a server has them."""

    def __init__(self, world: World, house: House, network: Network | None) -> None:
        self.world = world
        self.house = house
        self.network = network

    def try_all(self, *targets: str) -> dict[str, Any]:
        """What came of each attempt inside a connected sandbox: what the target said, or an errno."""
        told = self.world.on_host(self.house.python(ATTEMPTS, *targets, is_connected=True))
        assert isinstance(told, dict)
        return told


@contextmanager
def server(world: World, policy: EgressPolicy) -> Iterator[Server]:
    with state_directory() as place:

        async def open_all() -> tuple[NamespaceDriver, Network | None]:
            network = await open_network(policy, place / "state")
            return await NamespaceDriver.open(place / "state", blanks=1, network=network), network

        driver, network = world.on_host(open_all())
        try:
            yield Server(world, House(driver, place), network)
        finally:
            world.on_host(driver.close())
            if network is not None:
                world.on_host(network.close())


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with fake_internet() as made:
        yield made


@pytest.fixture(scope="module")
def nat(world: World) -> Iterator[Server]:
    policy = EgressPolicy(mode="nat", resolver=RESOLVER, openings=read_openings("10.20.30.40:80"))
    with server(world, policy) as made:
        yield made


def test_off_leaves_nothing_but_the_loopback(world: World) -> None:
    with server(world, EgressPolicy()) as made:
        assert made.network is None
        told = made.try_all(f"{PUBLIC}:80", f"{HOST}:{HOST_PORT}")
    assert set(told.values()) == {errno.ENETUNREACH}


def test_the_internet_is_reached_under_the_machines_own_address(nat: Server) -> None:
    assert nat.try_all(f"{PUBLIC}:80", f"{PUBLIC}:443") == {f"{PUBLIC}:80": HOST, f"{PUBLIC}:443": HOST}


def test_names_are_resolved_by_the_one_resolver(nat: Server) -> None:
    told = nat.try_all("name:example.test", f"{SERVICES}:80", f"{SERVICES}:{API_PORT}")

    assert told.pop("name:example.test") == PUBLIC
    assert set(told.values()) <= CLOSED


def test_private_ranges_and_the_metadata_service_are_closed(nat: Server) -> None:
    told = nat.try_all(*(f"{address}:443" for address in PRIVATE))

    assert set(told.values()) <= CLOSED, told


def test_an_opening_names_one_address_and_port_of_a_private_range(nat: Server) -> None:
    told = nat.try_all("10.20.30.40:80", "10.20.30.40:443")

    assert told["10.20.30.40:80"] == HOST
    assert told["10.20.30.40:443"] in CLOSED


def test_what_is_closed_would_be_reached_if_a_rule_opened_it(world: World) -> None:
    """So the answers above are the rules', not an empty internet's."""
    with server(world, EgressPolicy(mode="allow", openings=read_openings("0.0.0.0/0"), resolver="none")) as made:
        told = made.try_all(*(f"{address}:443" for address in (*PRIVATE, PUBLIC)), f"{PUBLIC}:25")

    assert set(told.values()) == {HOST}, told


def test_mail_cannot_be_sent(nat: Server) -> None:
    assert nat.try_all(f"{PUBLIC}:25")[f"{PUBLIC}:25"] in CLOSED


def test_the_machine_itself_is_closed_on_all_its_addresses(nat: Server, world: World) -> None:
    uplinks = [
        part["local"]
        for device in json.loads(world.shell("ip -json address show"))
        if device["ifname"].startswith("lamp-")
        for part in device["addr_info"]
    ]
    assert len(uplinks) == 1

    told = nat.try_all(f"{HOST}:{HOST_PORT}", f"{uplinks[0]}:{HOST_PORT}")

    assert set(told.values()) <= CLOSED, told


def test_the_opening_of_a_network_does_not_open_the_machine_in_it(world: World) -> None:
    policy = EgressPolicy(mode="allow", openings=read_openings("203.0.113.0/24"))
    with server(world, policy) as made:
        told = made.try_all(f"{HOST}:{HOST_PORT}", "203.0.113.1:80")

    assert told[f"{HOST}:{HOST_PORT}"] in CLOSED
    assert told["203.0.113.1:80"] == HOST


def test_an_opening_that_names_the_machine_opens_it(world: World) -> None:
    policy = EgressPolicy(mode="allow", openings=read_openings(f"{HOST}:{HOST_PORT}"))
    with server(world, policy) as made:
        assert made.try_all(f"{HOST}:{HOST_PORT}")[f"{HOST}:{HOST_PORT}"].startswith("198.19.")


def test_an_allow_list_opens_nothing_else(world: World) -> None:
    policy = EgressPolicy(mode="allow", openings=read_openings(f"{PUBLIC}:80"), resolver="none")
    with server(world, policy) as made:
        told = made.try_all(f"{PUBLIC}:80", f"{PUBLIC}:443", f"{RESOLVER}:80", "name:example.test")

    assert told.pop(f"{PUBLIC}:80") == HOST
    assert told.pop("name:example.test") == "gaierror"
    assert set(told.values()) <= CLOSED, told


def test_sandboxes_cannot_reach_each_other(nat: Server, world: World) -> None:
    async def neighbours() -> Any:
        async with nat.house.sandbox(PYTHON, "-c", LISTEN, is_connected=True) as listener:
            address = await read_line(listener.output_fd)
            assert address.startswith("198.18.")
            return await nat.house.python(ATTEMPTS, f"{address}:8080", f"{address}:9001", is_connected=True)

    assert set(world.on_host(neighbours()).values()) <= CLOSED


def test_the_lambda_api_is_reached_on_its_own_address_only_where_it_is_wanted(world: World) -> None:
    with server(world, EgressPolicy(has_api=True)) as made:
        assert made.network is not None
        listener = made.network.api_listener
        assert listener is not None
        listener.setblocking(True)
        answering = _answer_once(listener)
        told = made.try_all(f"{SERVICES}:{API_PORT}", f"{PUBLIC}:80", f"{HOST}:{HOST_PORT}")
        answering.join()

    assert told.pop(f"{SERVICES}:{API_PORT}") == "api"
    assert set(told.values()) <= CLOSED


def _answer_once(listener: socket.socket) -> threading.Thread:
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"api")

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_nothing_is_left_on_the_machine(world: World) -> None:
    look = "nft list ruleset; ip -brief link; ip route; cat /proc/sys/net/ipv4/ip_forward"
    before = world.shell(look)
    with server(world, EgressPolicy(mode="nat", resolver=RESOLVER)) as made:
        assert made.try_all(f"{PUBLIC}:80") == {f"{PUBLIC}:80": HOST}
        assert world.shell(look) != before

    assert world.shell(look) == before


def test_nothing_is_left_of_a_server_that_was_killed(world: World) -> None:
    """The gateway is its own process: it sees the end of the server and clears up."""
    before = world.shell(LOOK)
    with state_directory() as place:
        kill_server(world, place, with_gateway=False)
        assert wait_for(world, lambda seen: seen == before)


def test_the_next_start_removes_what_a_killed_gateway_left(world: World) -> None:
    before, devices = world.shell(LOOK), world.shell(DEVICES)
    with state_directory() as place:
        kill_server(world, place, with_gateway=True)
        assert wait_for(world, lambda _: world.shell(DEVICES) == devices)  # the kernel takes these away
        assert world.shell(LOOK) != before
        kill_server(world, place, with_gateway=False)
        assert wait_for(world, lambda seen: seen == before)


def kill_server(world: World, place: Path, *, with_gateway: bool) -> None:
    """Start a server with a connected sandbox in the machine's network, and kill it, with its gateway or without."""
    program = [sys.executable, "-m", "tests.security.egress_server", str(place)]
    enter = ["nsenter", f"--net=/proc/{world.host}/ns/net"]
    before = world.shell(LOOK)
    with subprocess.Popen([*enter, *program], stdout=subprocess.PIPE, cwd=ROOT) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"connected\n"
        assert world.shell(LOOK) != before
        if with_gateway:
            os.kill(gateway_of(killed.pid), signal.SIGKILL)
        killed.kill()


def gateway_of(server: int) -> int:
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return next(int(pid) for pid in children if b"network_gateway" in Path(f"/proc/{pid}/cmdline").read_bytes())


def wait_for(world: World, holds: Callable[[str], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not holds(world.shell(LOOK)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds(world.shell(LOOK))


def test_a_machine_that_does_not_forward_is_told_what_to_do(world: World) -> None:
    world.shell("echo 0 >/proc/sys/net/ipv4/ip_forward")
    try:
        with pytest.raises(NetworkRefused, match=r"sysctl -w net\.ipv4\.ip_forward=1"), state_directory() as place:
            world.on_host(open_network(EgressPolicy(mode="nat"), place))
    finally:
        world.shell("echo 1 >/proc/sys/net/ipv4/ip_forward")
