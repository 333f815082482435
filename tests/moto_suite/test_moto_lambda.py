"""moto's own Lambda tests judge lamplighter: what AWS answers was moto's authors' work, not ours.

Everything that is not Lambda goes to a moto server. corrections.toml holds the places where moto differs from AWS.
"""

from fnmatch import fnmatchcase

import pytest

from tests.moto_suite.conftest import Verdict
from tests.moto_suite.source import exceptions, is_excepted

MOST_SKIPPED = 14  # those that need moto inside the process, its proxy or its own settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(560)]


def test_no_test_of_motos_fails_that_is_not_listed_with_a_reason(verdict: Verdict) -> None:
    unexpected = {test for test in verdict.failed if not is_excepted(test)}
    assert unexpected == set(), verdict.output


def test_no_reason_is_listed_for_a_test_that_passes(verdict: Verdict) -> None:
    needless = {test for test in verdict.passed if is_excepted(test)}
    assert needless == set()
    unused = {pattern for pattern in exceptions() if not any(fnmatchcase(test, pattern) for test in verdict.failed)}
    assert unused == set()


def test_the_suite_really_ran(verdict: Verdict) -> None:
    print(f"moto's tests: {len(verdict.passed)} passed, {len(verdict.failed)} listed, {len(verdict.skipped)} skipped")
    assert len(verdict.skipped) <= MOST_SKIPPED, verdict.skipped
    if verdict.runtime_missing:
        pytest.skip(f"functions of moto's tests did not run: {verdict.runtime_missing}")
    assert len(verdict.passed) >= 142, verdict.output
