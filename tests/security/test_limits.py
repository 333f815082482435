"""The limits of a process: descriptors, processes, locked memory, cores, priorities; lowered for good."""

import pytest

from tests.security.conftest import Cell
from tests.security.judging import judge
from tests.security.probe import Probe

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLE = (
    Probe("lock 1 MiB of memory", ("lock_memory", "1"), "limits", ""),
    Probe("dump a core", ("dump_core",), "limits", ""),
)
LAMBDAS = {
    "NOFILE": [1024, 1024],
    "NPROC": [1024, 1024],
    "CORE": [1, 1],
    "MEMLOCK": [65536, 65536],
    "MSGQUEUE": [819200, 819200],
    "RTPRIO": [0, 0],
    "NICE": [0, 0],
}
NAMES = ("NOFILE", "NPROC", "CORE", "MEMLOCK", "MSGQUEUE")


@pytest.mark.parametrize("probe", TABLE, ids=str)
async def test_a_limit_stops(cell: Cell, probe: Probe) -> None:
    await judge(cell, probe, TABLE)


async def test_a_limit_cannot_be_raised_again(cell: Cell) -> None:
    table = tuple(Probe("", ("raise_limit", name), "limits", "filter") for name in NAMES)

    assert [await cell.answer(probe, table, "") for probe in table] == [1] * len(NAMES)


async def test_the_limits_are_lambdas(cell: Cell) -> None:
    source = (
        "import json, resource\n"
        "kinds = ('NOFILE', 'NPROC', 'CORE', 'MEMLOCK', 'MSGQUEUE', 'RTPRIO', 'NICE')\n"
        "print(json.dumps({kind: resource.getrlimit(getattr(resource, 'RLIMIT_' + kind)) for kind in kinds}))"
    )
    assert await cell.python(source) == LAMBDAS
    with cell.weakened(await cell.driver_without("limits")):
        assert await cell.python(source) != LAMBDAS


async def test_on_a_machine_out_of_memory_functions_go_first(cell: Cell) -> None:
    assert int(await cell.probe("read_file", "/proc/self/oom_score_adj")) >= 500
