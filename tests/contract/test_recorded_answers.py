"""Every recorded scenario has its test, and a wrong answer does not pass for a recorded one."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.contract.recorded_answers import SCENARIOS, Recording

CREATED = "TestLambdaAlias::test_non_existent_alias_deletion"


def test_every_recorded_scenario_has_a_test() -> None:
    """By its whole name, or by the beginning that parametrized tests ask for."""
    text = "".join(path.read_text() for path in sorted(Path(__file__).parent.glob("test_recorded_*.py")))
    untried = {
        name
        for name, scenario in SCENARIOS.items()
        if scenario["answers"] and not any(form in text for form in _forms(name))
    }
    assert untried == set()


def _forms(name: str) -> set[str]:
    group, _, test = name.partition("::")
    return {f'"{name}"', f'"{group}::"', f'"{name.partition("[")[0]}["', f'"{test}"'}


def _answer(**changes: Any) -> dict[str, Any]:
    """The first answer of the scenario with every placeholder filled."""
    expected = Recording(CREATED).expected("create_response")
    filled: dict[str, Any] = _fill(expected)
    return filled | changes


def _fill(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _fill(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_fill(item) for item in value]
    return re.sub(r"<[^>]+>", "filled", value) if isinstance(value, str) else value


def test_the_recorded_answer_itself_passes() -> None:
    Recording(CREATED).hold("create_response", _answer())


@pytest.mark.parametrize(
    "changes",
    [{"status": 200}, {"State": "Active"}, {"Timeout": True}, {"Surplus": 1}, {"FunctionName": "other"}, {"Role": ""}],
)
def test_another_answer_does_not(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        Recording(CREATED).hold("create_response", _answer(**changes))


def test_a_missing_member_does_not_pass() -> None:
    answer = _answer()
    del answer["RevisionId"]
    with pytest.raises(AssertionError):
        Recording(CREATED).hold("create_response", answer)


def test_a_step_left_out_is_noticed() -> None:
    with pytest.raises(AssertionError):
        Recording(CREATED).finish()
