"""Documents hold what they say: links lead somewhere, commands exist, generated pages are current."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.style.tree import HOME, name_of, tracked_files

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SCRIPT = re.compile(r"\b(?:scripts|\.ci|examples|docs|benchmarks|src|tests)/[A-Za-z0-9_./*-]*[A-Za-z0-9_]")
DOCUMENTS = [path for path in tracked_files() if path.suffix == ".md"]


def _links(document: Path) -> list[str]:
    return [target.split("#")[0] for target in LINK.findall(document.read_text()) if not re.match(r"[a-z]+:|#", target)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    assert [target for target in _links(document) if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_path_that_is_named_exists(document: Path) -> None:
    named = set(SCRIPT.findall(document.read_text()))
    assert [path for path in sorted(named) if not list(HOME.glob(path))] == []


def test_every_decision_record_has_the_four_parts() -> None:
    records = sorted((HOME / "docs/decisions").glob("[0-9]*.md"))
    numbers = [int(record.name[:4]) for record in records]
    assert numbers == list(range(1, len(records) + 1))
    for record in records:
        parts = re.findall(r"^## (.+)$", record.read_text(), flags=re.MULTILINE)
        assert parts == ["Context", "Choice", "Cost", "When to revisit"], record.name


def test_the_coverage_page_is_current() -> None:
    """`docs/reference/coverage.md` is generated from the registry and the model; a stale page is a false claim."""
    command = [sys.executable, str(HOME / "scripts/coverage_page.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
