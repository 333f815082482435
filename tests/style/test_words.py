"""Names are AWS's words: a word that tells a stranger nothing about Lambda is not used in a name of ours."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.style.tree import exceptions, name_of, parsed, python_files

AVOIDED = frozenset(
    {"worker", "workers", "job", "jobs", "task", "tasks", "manager", "managers", "helper", "helpers", "util", "utils"}
    | {"common", "provider", "providers", "container", "containers", "pod", "pods", "mock", "mocks", "stuff", "misc"}
)
# Pairs in which the word is AWS's or Python's own: LAMBDA_TASK_ROOT and /var/task, CapacityProvider, asyncio.TaskGroup.
ALLOWED_PAIRS = frozenset({("task", "root"), ("var", "task"), ("capacity", "provider"), ("capacity", "providers")}) | {
    ("task", "group"),
}
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def words_of(identifier: str) -> list[str]:
    return [word.lower() for word in WORD.findall(identifier)]


def is_avoided(identifier: str) -> bool:
    words = words_of(identifier)
    pairs = list(zip(["", *words], [*words, ""], strict=True))  # (previous, word) at each place, and one past the end
    return any(
        word in AVOIDED and not {pairs[place], pairs[place + 1]} & ALLOWED_PAIRS for place, word in enumerate(words)
    )


def _declared(path: Path) -> Iterator[str]:
    """The names this file itself gives: its own, its classes, functions, parameters, fields and variables."""
    yield path.stem
    yield path.parent.name
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def test_no_name_holds_a_word_we_avoid() -> None:
    found = {
        f"{name_of(path)}:{name}"
        for path in python_files("src", "tests", "benchmarks", "scripts")
        for name in set(_declared(path))
        if is_avoided(name)
    }
    assert found == set(exceptions("words"))


@pytest.mark.parametrize(
    ("identifier", "avoided"),
    [
        ("TaskManager", True),
        ("_env_vars", False),
        ("LAMBDA_TASK_ROOT", False),
        ("VAR_TASK", False),
        ("task", True),
        ("CapacityProviderLimitExceededException", False),
        ("HTTPProvider2", True),
        ("provided", False),
    ],
)
def test_a_word_is_judged_with_its_neighbours(identifier: str, avoided: bool) -> None:  # noqa: FBT001  # a table of cases
    assert is_avoided(identifier) is avoided
