"""The network: a loopback of its own with one listener, the Runtime API; no way to the host or to a neighbour."""

import errno
import socket

import pytest

from tests.live_sandboxes import PYTHON, read_line
from tests.security.conftest import Cell
from tests.security.judging import judge
from tests.security.probe import Probe

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLEEP = "import time; print('up', flush=True); time.sleep(60)"


async def _judge(cell: Cell, says: str, *attempt: str) -> None:
    probe = Probe(says, attempt, "net")
    await judge(cell, probe, (probe,))


async def test_there_is_only_a_loopback(cell: Cell) -> None:
    if len(socket.if_nameindex()) < 2:
        pytest.skip("the machine itself has only a loopback")
    await _judge(cell, "see a network device of the host", "other_interfaces")


async def test_a_listener_on_the_hosts_loopback_cannot_be_reached(cell: Cell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await _judge(cell, "connect to a port of the host", "connect", "127.0.0.1", str(listener.getsockname()[1]))


async def test_an_abstract_socket_of_the_host_cannot_be_reached(cell: Cell) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("\0lamplighter-canary")
        listener.listen()
        await _judge(cell, "connect to an abstract socket of the host", "connect_abstract", "lamplighter-canary")


async def test_a_sweep_of_all_ports_finds_the_runtime_api_and_nothing_of_the_host(cell: Cell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        assert await cell.probe("open_ports") == [9001]
        assert await cell.probe("open_ports", str(port), str(port), without="net") == [port]


@pytest.mark.parametrize("host", ["169.254.169.254", "169.254.100.1", "10.0.0.1", "192.168.0.1", "8.8.8.8"])
async def test_no_other_address_can_be_reached(cell: Cell, host: str) -> None:
    table = tuple(
        Probe("", attempt, "net")
        for place in ("169.254.169.254", "169.254.100.1", "10.0.0.1", "192.168.0.1", "8.8.8.8")
        for attempt in (("connect", place, "80"), ("send_datagram", place))
    )
    answers = [await cell.answer(probe, table, "") for probe in table if host in probe.attempt]

    assert answers == [errno.ENETUNREACH] * 2


async def test_a_datagram_leaves_only_without_a_network_of_its_own(cell: Cell) -> None:
    if cell.bare("send_datagram", "192.0.2.1") != 0:
        pytest.skip("the machine itself has no route")
    await _judge(cell, "send a datagram away", "send_datagram", "192.0.2.1")


async def test_a_neighbours_runtime_api_cannot_be_reached(cell: Cell) -> None:
    """Each address 127.0.0.1:9001 is the caller's own: the neighbour's listener never hears of it."""
    async with cell.sandbox(PYTHON, "-c", SLEEP) as neighbour:
        await read_line(neighbour.output_fd)
        source = f"import socket; held = socket.create_connection(('127.0.0.1', 9001)); {SLEEP}"
        async with cell.sandbox(PYTHON, "-c", source) as caller:
            assert await read_line(caller.output_fd) == "up"
            caller.runtime_api.accept()[0].close()
            with pytest.raises(BlockingIOError):
                neighbour.runtime_api.accept()


async def test_a_neighbours_runtime_api_would_be_reached_in_one_network_for_both(cell: Cell) -> None:
    """The control of the test before: two sandboxes without a network namespace each."""
    with cell.weakened(await cell.driver_without("net")):
        async with cell.sandbox(PYTHON, "-c", SLEEP) as neighbour:
            await read_line(neighbour.output_fd)
            port = str(neighbour.runtime_api.getsockname()[1])
            assert await cell.probe("connect", "127.0.0.1", port, without="net") == 0


LISTENING = (
    "import socket, time\n"
    "listener = socket.socket(socket.AF_UNIX); listener.bind('\\0neighbour'); listener.listen()\n"
    "print('up', flush=True); time.sleep(60)"
)


@pytest.mark.parametrize(("without", "answer"), [("", errno.ECONNREFUSED), ("net", 0)])
async def test_an_abstract_socket_of_a_neighbour(cell: Cell, without: str, answer: int) -> None:
    with cell.weakened(await cell.driver_without(without)):
        async with cell.sandbox(PYTHON, "-c", LISTENING) as neighbour:
            assert await read_line(neighbour.output_fd) == "up"
            assert await cell.probe("connect_abstract", "neighbour", without=without) == answer
