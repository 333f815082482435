"""How a table of probes is judged: stopped as it is, stopped by its defence alone, through without it.

Imported by the files of the suite; must not know what any probe does.
"""

from collections.abc import Sequence

import pytest

from tests.security.conftest import Cell
from tests.security.probe import Probe, is_absent, is_stopped


async def judge(cell: Cell, probe: Probe, table: Sequence[Probe]) -> None:
    as_it_is = await cell.answer(probe, table, "")
    alone = await cell.answer(probe, table, probe.alone)
    control = await cell.answer(probe, table, probe.control)

    assert is_stopped(as_it_is), as_it_is
    assert is_stopped(alone), ("not stopped by its defence alone", alone)
    if is_absent(control):
        pytest.skip("this machine's kernel was built without it")
    assert not is_stopped(control), ("stopped by something else", control)
    assert not str(control).startswith(("signal", "no answer")), control
