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
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def words_of(identifier: str) -> set[str]:
    return {word.lower() for word in WORD.findall(identifier)}


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
        if words_of(name) & AVOIDED
    }
    assert found == set(exceptions("words"))


@pytest.mark.parametrize(
    ("identifier", "words"),
    [("TaskManager", {"task", "manager"}), ("HTTPServer2", {"http", "server", "2"}), ("_env_vars", {"env", "vars"})],
)
def test_identifiers_are_split_into_words(identifier: str, words: set[str]) -> None:
    assert words_of(identifier) == words
