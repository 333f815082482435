"""docs/security/isolation.md names every probe of the suite's tables and counts them."""

import re
from pathlib import Path

import pytest

from tests.security import test_filter, test_limits, test_privileges, test_proc, test_processes, test_root

PAGE = Path(__file__).parents[2] / "docs" / "security" / "isolation.md"
TABLES = {
    module.__name__.rpartition(".")[2]: module.TABLE
    for module in (test_filter, test_privileges, test_processes, test_root, test_proc, test_limits)
}
LEAST = 60  # what we promise


@pytest.mark.parametrize("name", TABLES)
def test_the_page_names_every_probe_of_a_table(name: str) -> None:
    text = " ".join(PAGE.read_text().split())

    assert [probe.says for probe in TABLES[name] if probe.says not in text] == []
    assert f"| `{name}.py` | {len(TABLES[name])} |" in text


def test_the_page_counts_them() -> None:
    total = sum(len(table) for table in TABLES.values())

    assert total >= LEAST
    stated = re.search(r"\*\*(\d+) probes\*\* in six tables", PAGE.read_text())
    assert stated is not None
    assert int(stated[1]) == total
